// SPDX-License-Identifier: Apache-2.0
// Which pages of guest RAM code was translated from: whoever writes to one has to be seen. Nobody
// executes them but the guest's user mode, where it runs directly.
//
//   data ──code is fetched from it──> protected (no write)
//     ^──────── a write ───────────────────┘
#pragma once

#include <vector>

#include "vmm/shadow/shadow.hpp"

namespace vmm::translate {

class ProtectedPages final : public shadow::PageGuard {
public:
    // pages: of guest RAM.
    explicit ProtectedPages(u64 pages) : protected_(pages), in_extent_((pages >> 9) + 1) {}

    bool protects(u64 page) const { return page < protected_.size() && protected_[page]; }
    void protect(u64 page) {
        if (page >= protected_.size() || protected_[page]) return;
        protected_[page] = true;
        ++in_extent_[page >> 9];
    }
    void release(u64 page) {
        if (!protects(page)) return;
        protected_[page] = false;
        --in_extent_[page >> 9];
    }
    void clear() {
        protected_.assign(protected_.size(), false);
        in_extent_.assign(in_extent_.size(), 0);
    }

    Allowed allowed(u64 page, shadow::View view) const override {
        return {.write = !protects(page), .execute = view == shadow::View::user};
    }
    bool free_extent(u64 page) const override { return in_extent_[page >> 9] == 0; }

private:
    std::vector<bool> protected_;
    std::vector<u16> in_extent_; // by 2 MiB
};

} // namespace vmm::translate

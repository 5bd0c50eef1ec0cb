// SPDX-License-Identifier: Apache-2.0
// Where in the guest's linear addresses the translated code stands. Blocks are found by linear
// address: when a mapping may have changed, those of pages that are elsewhere now must go. As in a
// TLB, that is when the guest says so, and global pages outlive a load of CR3.
#pragma once

#include <functional>
#include <map>

#include "x86/emulate/page_walk.hpp"

namespace vmm::translate {

class CodePlaces {
public:
    // changed: called with a linear page number whose code is not what it was.
    CodePlaces(x86::TableMemory& tables, std::function<void(u32)> changed)
        : tables_(tables), changed_(std::move(changed)) {}

    bool knows(u32 page) const { return local_.contains(page) || global_.contains(page); }
    // Code of the linear page was fetched, which is allowed now: from the guest-physical page
    // `number`. user: at CPL 3.
    void add(x86::Paging const& paging, u32 page, u64 number, bool user);
    // A guest can execute any number of pages: time to start anew, without any block.
    bool is_full() const { return local_.size() + global_.size() >= most_places; }
    void clear() {
        local_.clear();
        global_.clear();
    }

    // INVLPG.
    void invalidate(x86::Paging const& paging, u32 linear);
    // A load of CR3: what is not global.
    void reload(x86::Paging const& paging) { check(local_, paging, 0, last_page); }
    // All rules may be others.
    void check_all(x86::Paging const& paging) {
        check(local_, paging, 0, last_page);
        check(global_, paging, 0, last_page);
    }

private:
    static constexpr u32 last_page = 0xfffff;
    static constexpr std::size_t most_places = 1 << 15; // 128 MiB of code
    struct Place {
        u64 number; // of the guest-physical page
        bool user;
    };
    using Places = std::map<u32, Place>; // by linear page number
    void check(Places& places, x86::Paging const& paging, u32 first, u32 last);

    x86::TableMemory& tables_;
    std::function<void(u32)> changed_;
    Places local_, global_; // kernels change their address space often, and their code is global
};

} // namespace vmm::translate

// SPDX-License-Identifier: Apache-2.0
// Which pages of guest RAM the guest's kernel executes, and the changed copies that it really runs.
//
//   data ──fetch by the kernel──> code (execute, no write)  with a copy if something in it must be
//   a trap
//    ^──── a write drops it ──────┘        or, where writes keep coming: emulated, copy kept up to
//    date
//
// Guest RAM itself always holds what the guest wrote.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "vmm/engine/trap/code_map.hpp"
#include "vmm/pc/guest_memory.hpp"
#include "vmm/shadow/shadow.hpp"

namespace vmm::trap {

class CodePages final : public shadow::PageGuard {
public:
    // copies: memory for changed pages, whole pages; may be empty only if patch is false.
    CodePages(GuestMemory memory, std::span<u8> copies, bool patch);

    bool is_code(u64 page) const { return page < kinds_.size() && kinds_[page]; }
    // Number of the page's copy among `copies`; empty: the original runs.
    std::optional<u32> copy_of(u64 page) const;

    // The kernel fetches from the page. Pages whose mappings are wrong now (that page, and one
    // whose copy was taken for it) are added to `changed`.
    struct Scan {
        bool looked; // else all was known
        u64 patches; // instructions replaced
    };
    Scan fetch(u64 page, u16 offset, CodeBytes const& code, std::vector<u64>& changed);
    // The kernel goes on at a place in a code page. Only looks closer when that is news.
    bool knows(u64 page, u16 offset) const;
    // Whether a write to a code page should make it data (else it is emulated).
    bool drops_at_write(u64 page) const;
    void drop(u64 page);
    // Guest RAM was written. True: the page's mappings are wrong now.
    bool written(GuestPhys at, u64 bytes);
    bool is_trap(u64 page, u16 offset) const;
    void clear();

    // The page that the kernel is about to execute: only it is mapped executable, so that its copy
    // shows nowhere else.
    void set_fetched(std::optional<u64> page) { fetched_ = page; }
    std::optional<u64> fetched() const { return fetched_; }

    Allowed allowed(u64 page, shadow::View view) const override;
    bool free_extent(u64 page) const override { return !patch_ || in_extent_[page >> 9] == 0; }

private:
    struct Page {
        CodeMap map;
        CodeMap::Offsets traps;
        std::optional<u32> copy;
    };
    void give_copy(u64 page, Page& code, std::vector<u64>& changed);
    void forget(u64 page);

    GuestMemory memory_;
    std::span<u8> copies_;
    bool patch_;
    std::vector<bool> kinds_; // by page: is code
    std::vector<u16> in_extent_;
    std::unordered_map<u64, std::unique_ptr<Page>> pages_;
    std::unordered_map<u64, u8> drops_; // how often a page was dropped at a write
    std::vector<u32> free_copies_;
    std::vector<u64> owners_; // of copies, page numbers
    u32 next_victim_{};
    std::optional<u64> fetched_;
};

} // namespace vmm::trap

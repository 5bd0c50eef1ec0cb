// SPDX-License-Identifier: Apache-2.0
// Walks a guest's own long-mode page tables, four levels, as the processor would (Intel SDM vol.
// 3, 4.5).
#pragma once

#include <optional>

#include "x86/paging.hpp"

namespace x86 {

// The guest-physical address behind a linear one; empty when it is not mapped or a table can't be
// read. read_entry: std::optional<u64>(GuestPhys), empty when that address is no RAM.
template <class ReadEntry>
std::optional<GuestPhys> walk(u64 cr3, u64 linear, ReadEntry&& read_entry) {
    u64 table = cr3 & PageEntry::Frame::mask;
    for (unsigned shift = level_shift::pml4;; shift -= 9) {
        std::optional<u64> const word =
            read_entry(GuestPhys{table + (linear >> shift & (page_table_entries - 1)) * 8});
        if (!word) return std::nullopt;
        PageEntry const entry{*word};
        if (!entry.present()) return std::nullopt;
        bool const leaf =
            shift == level_shift::page_table || (shift < level_shift::pml4 && entry.large());
        if (leaf) {
            u64 const offset = (u64{1} << shift) - 1;
            return GuestPhys{(entry.frame().value & ~offset) | (linear & offset)};
        }
        table = entry.frame().value;
    }
}

} // namespace x86

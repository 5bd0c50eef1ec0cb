// SPDX-License-Identifier: Apache-2.0
// Policy `sync`: the guest's tables are write-protected, and writes to them mirrored.
#include <algorithm>

#include "vmm/shadow/shadow.hpp"

namespace vmm::shadow {

// Bytes that a table of that level translates.
u64 Shadow::table_span(u8 level) const {
    unsigned const index_bits = paging_.mode() == x86::PagingMode::two_level ? 10 : 9;
    return u64{1} << (page_shift + level * index_bits);
}

void Shadow::watch_tables(Space& space, u64 linear, x86::Walk const& walk) {
    for (unsigned i = 0; i < walk.count; ++i) {
        x86::VisitedEntry const& entry = walk.entries[i];
        u64 const page = page_of(entry.at);
        if (!is_ram(page)) continue; // always reads the same
        u64 const base = linear & linear_mask & ~(table_span(entry.level) - 1);
        if (!watch_.add(page, {&space, entry.level, base})) continue;
        protect_page(page);
    }
}

void Shadow::written(GuestPhys at, u64 bytes) {
    if (bytes == 0) return;
    u64 const end = at.value + bytes - 1;
    for (u64 page = page_of(at); page <= end >> page_shift && is_ram(page); ++page) {
        if (!watch_.watches(page)) continue;
        u64 const from = page << page_shift;
        mirror(page, std::max(at.value, from) - from, std::min(end - from, page_size - 1));
    }
}

void Shadow::mirror(u64 page, u64 first, u64 last) {
    ++counters_.emulated_writes;
    if (watch_.count_write(page, (page << page_shift) + first)) return unwatch(page);
    unsigned const entry_size = paging_.mode() == x86::PagingMode::two_level ? 4 : 8;
    for (TableUse const& use : watch_.uses(page)) {
        u64 const span = table_span(use.level) / (page_size / entry_size);
        for (u64 index = first / entry_size; index <= last / entry_size; ++index) {
            u64 const linear = use.base + index * span;
            mappings_.drop_range(*use.space, linear, span);
            watch_.forget_range(*use.space, use.level, linear, span);
            if (use.level != 1) continue;
            for (PrivateSpace* space : current_)
                if (space && &space->space == use.space)
                    map_if_used(*use.space, {.linear = linear, .view = space->view}, linear);
        }
    }
}

void Shadow::unwatch(u64 page) {
    for (TableUse const& use : watch_.uses(page)) {
        mappings_.drop_range(*use.space, use.base, table_span(use.level));
        watch_.forget_range(*use.space, use.level, use.base, table_span(use.level));
    }
    watch_.forget(page);
}

void Shadow::stop_watching(GuestPhys at) {
    if (is_ram(page_of(at))) unwatch(page_of(at));
}

} // namespace vmm::shadow

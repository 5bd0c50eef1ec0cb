// SPDX-License-Identifier: Apache-2.0
// Policy `sync`: the guest's tables are write-protected, and writes to them mirrored.
#include <algorithm>

#include "vmm/shadow/shadow.hpp"

namespace vmm::shadow {
namespace {

constexpr std::size_t most_wanted = 8; // pages of loose tables in one space

} // namespace

// Bytes that a table of that level translates.
u64 Shadow::table_span(u8 level) const {
    unsigned const index_bits = paging_.mode() == x86::PagingMode::two_level ? 10 : 9;
    return u64{1} << (page_shift + level * index_bits);
}

bool Shadow::watch_tables(Space& space, u64 linear, x86::Walk const& walk) {
    bool all = true;
    for (unsigned i = 0; i < walk.count; ++i) {
        x86::VisitedEntry const& entry = walk.entries[i];
        u64 const page = page_of(entry.at);
        if (!is_ram(page)) continue; // always reads the same
        if (entry.level == 1 && watch_.is_loose(page)) {
            all = false;
            continue;
        }
        u64 const base = linear & linear_mask & ~(table_span(entry.level) - 1);
        if (!watch_.add(page, {&space, entry.level, base})) continue;
        protect_page(page);
    }
    return all;
}

// ---- loose tables -----------------------------------------------------------------------------

Shadow::PrivateSpace& Shadow::owner_of(Space const& space) {
    return *std::ranges::find_if(spaces_,
                                 [&](PrivateSpace const& owner) { return &owner.space == &space; });
}

// Whether the table is of address spaces that are not the current one.
bool Shadow::is_foreign(u64 page) {
    u64 const key = space_key();
    return std::ranges::all_of(watch_.uses(page), [&](TableUse const& use) {
        return use.level == 1 && owner_of(*use.space).cr3 != key;
    });
}

void Shadow::loosen(u64 page) {
    if (watch_.has_most_loose()) tighten_all();
    unwatch(page);
    watch_.loosen(page);
}

void Shadow::tighten_all() {
    watch_.tighten_all();
    drop_volatile();
    for (PrivateSpace& space : spaces_) space.wanted.clear();
}

// False: a table that so many pages are used through is not written in order to use one of them.
bool Shadow::want(Space const& space, u64 linear) {
    auto& wanted = owner_of(space).wanted;
    if (std::ranges::find(wanted, linear) != wanted.end()) return true;
    if (wanted.size() == most_wanted) return false;
    wanted.push_back(linear);
    return true;
}

void Shadow::map_wanted(PrivateSpace& space) {
    for (u64 linear : space.wanted)
        map_if_used(space.space, {.linear = linear, .view = space.view}, linear);
}

// ---- writes -----------------------------------------------------------------------------------

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
    if (is_foreign(page) && watch_.count_foreign_write(page)) return loosen(page);
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

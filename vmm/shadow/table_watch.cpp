// SPDX-License-Identifier: Apache-2.0
#include "vmm/shadow/table_watch.hpp"

#include <algorithm>

namespace vmm::shadow {
namespace {

// fork, exec and exit write hundreds of entries of one table in a row: each of these writes would
// be an exit, while making the entries anew takes a few.
constexpr unsigned most_writes_in_a_row = 3;
constexpr unsigned levels = 4;
constexpr unsigned most_foreign_writes = 4;
constexpr std::size_t most_loose = 16;

} // namespace

bool TableWatch::add(u64 page, TableUse const& use) {
    Places& places = places_[{use.space, use.level}];
    auto const [at, is_new_place] = places.try_emplace(use.base, page);
    if (!is_new_place) {
        if (at->second == page) return false;
        remove(at->second, use);
        at->second = page;
    }
    auto const [table, is_new] = tables_.try_emplace(page);
    table->second.uses.push_back(use);
    ++uses_;
    if (is_new) ++in_extent_[page >> 9];
    return is_new;
}

std::vector<TableUse> TableWatch::uses(u64 page) const {
    auto const at = tables_.find(page);
    return at == tables_.end() ? std::vector<TableUse>{} : at->second.uses;
}

bool TableWatch::count_write(u64 page, u64 address) {
    auto const at = tables_.find(page);
    if (at == tables_.end()) return false;
    Table& table = at->second;
    constexpr u64 entry_mask = ~u64{7}; // both halves of an entry are one write
    bool const same_entry = table.writes != 0 && (table.last_write ^ address) <= ~entry_mask;
    if (table.step != step_) table.writes = 0;
    table.step = step_;
    table.last_write = address;
    if (!same_entry || table.writes == 0) ++table.writes;
    return table.writes > most_writes_in_a_row;
}

bool TableWatch::is_written_like_data(u64 page) const {
    auto const at = tables_.find(page);
    return at != tables_.end() && at->second.step == step_ &&
           at->second.writes >= most_writes_in_a_row;
}

bool TableWatch::count_foreign_write(u64 page) {
    auto const at = tables_.find(page);
    return at != tables_.end() && ++at->second.foreign_writes > most_foreign_writes;
}

bool TableWatch::is_loose(u64 page) const {
    return std::ranges::find(loose_, page) != loose_.end();
}

bool TableWatch::has_most_loose() const { return loose_.size() == most_loose; }

void TableWatch::remove(u64 page, TableUse const& use) {
    auto const at = tables_.find(page);
    if (at == tables_.end()) return;
    auto& uses = at->second.uses;
    uses_ -= static_cast<u64>(std::erase(uses, use));
    if (!uses.empty()) return;
    tables_.erase(at);
    --in_extent_[page >> 9];
}

void TableWatch::forget_range(Space const& space, u8 level, u64 base, u64 size) {
    for (u8 below = 1; below < level; ++below) {
        auto const places = places_.find({&space, below});
        if (places == places_.end()) continue;
        auto at = places->second.lower_bound(base);
        while (at != places->second.end() && at->first - base < size) {
            remove(at->second, {const_cast<Space*>(&space), below, at->first});
            at = places->second.erase(at);
        }
    }
}

void TableWatch::forget(Space const& space) { forget_range(space, levels + 1, 0, ~u64{0}); }

void TableWatch::forget(u64 page) {
    for (TableUse const& use : uses(page)) {
        places_[{use.space, use.level}].erase(use.base);
        remove(page, use);
    }
}

} // namespace vmm::shadow

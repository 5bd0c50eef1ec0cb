// SPDX-License-Identifier: Apache-2.0
#include "vmm/shadow/mappings.hpp"

#include <iterator>

namespace vmm::shadow {
namespace {

constexpr u64 align_down(u64 value, u64 size) { return value & ~(size - 1); }
unsigned index_of(u64 linear) { return linear >> page_shift & (extent_pages - 1); }

// Names a table's place for all spaces.
u64 place_of(Space const& space, u64 base) { return base | space.root; }

} // namespace

// Takes away what stands where a mapping is to come; a table that it can use stays.
void Mappings::make_place(Space& space, Mapping const& mapping) {
    auto const at = space.extents.find(align_down(mapping.linear, extent_size));
    if (at == space.extents.end()) return;
    if (mapping.large || at->second->table == none) return drop_extent(at);
    LeafId const leaf = at->second->leaves[index_of(mapping.linear)];
    if (leaf != none) drop(leaf);
}

Extent& Mappings::add_extent(Space& space, u64 base, TableId table) {
    auto extent = std::make_unique<Extent>();
    extent->space = &space;
    extent->base = base;
    extent->table = table;
    extent->leaves.assign(table == none ? 1 : extent_pages, none);
    return *(space.extents[base] = std::move(extent));
}

// Null: no table.
Extent* Mappings::table_for(Space& space, u64 linear) {
    u64 const base = align_down(linear, extent_size);
    auto const at = space.extents.find(base);
    if (at != space.extents.end()) return at->second.get();
    auto const table = backend_.make_table(space.root, base);
    if (!table) return nullptr;
    pool_.settle(place_of(space, base));
    return &add_extent(space, base, *table);
}

Mappings::Mapped Mappings::map(Space& space, Mapping const& mapping) {
    make_place(space, mapping);
    LeafId const leaf = pool_.take(mapping.page, mapping.large);
    if (leaf == none) return Mapped::no_leaf;
    space.bare = false;
    Extent* extent = mapping.large ? nullptr : table_for(space, mapping.linear);
    if (!mapping.large && !extent) return Mapped::no_table;
    if (!backend_.map_leaf(leaf, space.root, mapping.linear, mapping.rights))
        return Mapped::no_table;
    if (mapping.large) extent = &add_extent(space, mapping.linear, none);
    Leaf& record = pool_[leaf];
    record.state = LeafState::mapped;
    record.past_protection = mapping.past_protection;
    record.guest_page_bits = mapping.guest_page_bits;
    record.index = static_cast<u16>(mapping.large ? 0 : index_of(mapping.linear));
    record.rights = mapping.rights;
    record.extent = extent;
    extent->leaves[record.index] = leaf;
    ++extent->used;
    if (mapping.guest_page_bits > page_shift && !extent->large_guest_page) {
        extent->large_guest_page = true;
        ++space.large_guest_pages;
    }
    ++counters_.shadow_entries;
    return Mapped::done;
}

Leaf const* Mappings::find(Space const& space, u64 linear) {
    auto const at = space.extents.find(align_down(linear, extent_size));
    if (at == space.extents.end()) return nullptr;
    LeafId const leaf = at->second->leaves[at->second->table == none ? 0 : index_of(linear)];
    return leaf == none ? nullptr : &pool_[leaf];
}

void Mappings::drop(LeafId leaf) {
    Extent& extent = *pool_[leaf].extent;
    extent.leaves[pool_[leaf].index] = none;
    --extent.used;
    backend_.unmap_leaf(leaf);
    pool_.put_back(leaf);
    // There may be many more large leaves in the course of time than tables.
    if (extent.table == none) forget_extent(extent.space->extents.find(extent.base));
}

void Mappings::forget_extent(std::map<u64, std::unique_ptr<Extent>>::iterator at) {
    Space& space = *at->second->space;
    if (at->second->large_guest_page) --space.large_guest_pages;
    space.extents.erase(at);
}

void Mappings::drop(Space& space, u64 linear) {
    if (Leaf const* const leaf = find(space, linear)) drop(leaf->extent->leaves[leaf->index]);
}

// Taking the table out is one step for all of its leaves.
void Mappings::drop_extent(std::map<u64, std::unique_ptr<Extent>>::iterator at) {
    Extent& extent = *at->second;
    if (extent.table == none) return drop(extent.leaves[0]);
    backend_.drop_table(extent.table);
    for (unsigned index = 0; extent.used != 0; ++index) {
        if (extent.leaves[index] == none) continue;
        pool_.put_back_stale(extent.leaves[index], place_of(*extent.space, extent.base));
        --extent.used;
    }
    forget_extent(at);
}

void Mappings::drop_range(Space& space, u64 from, u64 size) {
    if (size < extent_size) {
        auto const at = space.extents.find(align_down(from, extent_size));
        if (at == space.extents.end()) return;
        if (at->second->table == none) return drop_extent(at);
        for (u64 offset = 0; offset < size; offset += page_size) drop(space, from + offset);
        return;
    }
    for (auto at = space.extents.lower_bound(align_down(from, extent_size));
         at != space.extents.end() && at->first < from + size;) {
        auto const next = std::next(at);
        drop_extent(at);
        at = next;
    }
}

void Mappings::clear(Space& space) {
    drop_range(space, 0, linear_mask + 1);
    backend_.clear_root(space.root);
    space.bare = true;
}

void Mappings::invalidate(Space& space, u64 linear) {
    linear &= linear_mask;
    drop(space, linear);
    if (space.large_guest_pages == 0) return;
    for (unsigned bits : {21u, 22u, 30u}) {
        u64 const size = u64{1} << bits, from = align_down(linear, size);
        for (auto at = space.extents.lower_bound(from);
             at != space.extents.end() && at->first < from + size;) {
            auto const next = std::next(at);
            Extent const& extent = *at->second;
            bool found = false;
            if (extent.large_guest_page)
                for (LeafId leaf : extent.leaves)
                    found = found || (leaf != none && pool_[leaf].guest_page_bits == bits);
            if (found) drop_extent(at);
            at = next;
        }
    }
}

void Mappings::reclaim_leaf() {
    LeafId const leaf = pool_.oldest();
    if (leaf == none) return;
    if (pool_[leaf].state == LeafState::mapped) drop(leaf);
    pool_.reclaim(leaf);
}

} // namespace vmm::shadow

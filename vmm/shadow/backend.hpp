// SPDX-License-Identifier: Apache-2.0
// What shadow page tables are made of: roots, page tables and leaves, each from a pool of fixed
// size. In the monitor they are kernel objects, in tests arrays.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace vmm::shadow {

// Numbers in the pools: roots from 0 to roots() - 1, leaves from 0 to leaves() - 1.
using RootId = u32;
using TableId = u32;
using LeafId = u32;
inline constexpr u32 none = ~u32{0};

struct PageRights {
    bool write{};
    bool execute{};
    bool user{};
    bool operator==(PageRights const&) const = default;
};

inline constexpr unsigned page_shift = 12, extent_shift = 21;
inline constexpr u64 page_size = u64{1} << page_shift, extent_size = u64{1} << extent_shift;

constexpr u64 page_of(GuestPhys at) { return at.value >> page_shift; }

class Backend {
public:
    virtual ~Backend() = default;
    virtual u32 roots() const = 0;
    virtual u32 leaves() const = 0;

    // A page table for the 2 MiB at `linear`, in place and empty; whatever lies above it is made as
    // well. Empty: the pool is used up.
    virtual std::optional<TableId> make_table(RootId root, u64 linear) = 0;
    // Takes it out; its leaves are mapped no more, but have to be unmapped all the same before they
    // are mapped again.
    virtual void drop_table(TableId table) = 0;
    // What lies above tables and large leaves, which are gone already.
    virtual void clear_root(RootId root) = 0;

    // The right to map a page of guest RAM, or 2 MiB of it at a multiple of 2 MiB. The leaf has
    // been none before. False: the kernel refuses, out of memory.
    [[nodiscard]] virtual bool make_leaf(LeafId leaf, GuestPhys page) = 0;
    [[nodiscard]] virtual bool make_large_leaf(LeafId leaf, GuestPhys extent) = 0;
    virtual void destroy_leaf(LeafId leaf) = 0; // and unmaps it
    // The place is free; for small leaves its table is there. False: the pool is used up (large
    // leaves need a directory).
    [[nodiscard]] virtual bool map_leaf(LeafId leaf, RootId root, u64 linear,
                                        PageRights rights) = 0;
    virtual void unmap_leaf(LeafId leaf) = 0;
};

} // namespace vmm::shadow

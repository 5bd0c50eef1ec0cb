// SPDX-License-Identifier: Apache-2.0
// Address space identifiers: 8 pools of 512; a pool is an object, the table of pools is the kernel's (ABI 7.8).
#pragma once

#include "kernel/capability/cap.hpp"
#include "x86/paging.hpp"

// One page of entries, of whatever level of an address space or nested table.
struct PageTable {
    u64 entries[page_table_entries];
};
static_assert(sizeof(PageTable) == 4096);

struct AsidPool {
    static constexpr unsigned size_bits = abi::size_bits::asid_pool;
    PageTable* roots[abi::asids_per_pool]; // PML4 of an address space or nested root; null: free
};
static_assert(sizeof(AsidPool) == 4096);

class AsidTable {
public:
    static constexpr unsigned pool_of(Asid asid) { return asid.value / abi::asids_per_pool; }
    static constexpr unsigned index_of(Asid asid) { return asid.value % abi::asids_per_pool; }

    AsidPool* pool(unsigned index) const { return pools_[index]; }
    // Number of the lowest pool not in use, empty when all are.
    std::optional<unsigned> free_pool() const;
    void set_pool(unsigned index, AsidPool* pool) {
        lost_a_pool_ |= pools_[index] && !pool;
        pools_[index] = pool;
    }
    // Did a pool ever go away? Until then the ASID in a root's capability is the root's.
    bool lost_a_pool() const { return lost_a_pool_; }
    // A free ASID of the pool; ASID 0 is never given. Empty: the pool is full.
    std::optional<Asid> free_asid(unsigned pool_index) const;
    void assign(Asid asid, PageTable* root, MappedIn kind = MappedIn::address_space);
    // The root that has this ASID now, or null.
    PageTable* root(Asid asid) const {
        AsidPool const* const pool = pools_[pool_of(asid)];
        return pool ? pool->roots[index_of(asid)] : nullptr; // ASID 0 is never given: null
    }
    // The same, if it is of that kind. A mapping may outlive its root and its ASID belong to a root of the other kind: their
    // translations are forgotten in different ways, so nothing may be unmapped there.
    PageTable* root(Asid asid, MappedIn kind) const { return is_nested(asid) == (kind == MappedIn::nested) ? root(asid) : nullptr; }
    // The root goes away: its ASID is free again.
    void release(Asid asid, PageTable const* root);

private:
    bool is_nested(Asid asid) const { return nested_[asid.value / 64] >> (asid.value % 64) & 1; }
    AsidPool* pools_[abi::asid_pools]{};
    bool lost_a_pool_{};
    u64 nested_[abi::asid_pools * abi::asids_per_pool / 64]{}; // a bit for each ASID that was last given to a nested root
};

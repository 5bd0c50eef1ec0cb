// SPDX-License-Identifier: Apache-2.0
#include "kernel/memory/asid.hpp"

std::optional<unsigned> AsidTable::free_pool() const {
    for (unsigned i = 0; i < abi::asid_pools; ++i)
        if (!pools_[i]) return i;
    return std::nullopt;
}

std::optional<Asid> AsidTable::free_asid(unsigned pool_index) const {
    AsidPool const& pool = *pools_[pool_index];
    for (unsigned i = pool_index == 0 ? 1 : 0; i < abi::asids_per_pool; ++i)
        if (!pool.roots[i]) return Asid{static_cast<u16>(pool_index * abi::asids_per_pool + i)};
    return std::nullopt;
}

void AsidTable::assign(Asid asid, PageTable* root, MappedIn kind) {
    u64 const bit = u64{1} << (asid.value % 64);
    u64& word = nested_[asid.value / 64];
    word = kind == MappedIn::nested ? word | bit : word & ~bit;
    pools_[pool_of(asid)]->roots[index_of(asid)] = root;
}

void AsidTable::release(Asid asid, PageTable const* root) {
    AsidPool* const pool = pools_[pool_of(asid)];
    if (pool && pool->roots[index_of(asid)] == root) pool->roots[index_of(asid)] = nullptr;
}

// SPDX-License-Identifier: Apache-2.0
// What the mapping invocations share.
#pragma once

#include "kernel/invocation/invocation.hpp"
#include "kernel/memory/address_space.hpp"

struct Root { // of an address space or nested tables
    PageTable& table;
    Asid asid;
};

// A PML4 (Kind: Pml4Cap or EptPml4Cap) with an ASID; InvalidCapability(1) for anything else. It may be stale.
template <class Kind> std::expected<Root, InvocationError> decode_root(Cap const& cap) {
    auto const root = cap.as<Kind>();
    if (!root || !root->mapped) return refuse(InvalidCapability{1});
    return Root{*root->table, root->asid};
}

// The ASID still belongs to this root: ABI 7.6, checks 6 and 7.
std::expected<void, InvocationError> check_asid(Kernel& kernel, Root const& root);

// SPDX-License-Identifier: Apache-2.0
// An address space of its own for the checks of sections 7.6 to 7.8.
#pragma once

#include "test/abi/check.hpp"
#include "test/abi/world.hpp"

struct AddressSpace {
    Scope& scope;
    CPtr root; // with an ASID of the initial pool

    explicit AddressSpace(Scope& in) : scope(in), root(in.make(ObjectType::pml4)) {
        must("an ASID", invoke(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {root}));
    }
    AddressSpace(Scope& in, CPtr existing) : scope(in), root(existing) {}
    CPtr map_pdpt(u64 address) const { return map(ObjectType::pdpt, Label::x86_pdpt_map, address); }
    CPtr map_pd(u64 address) const { return map(ObjectType::page_directory, Label::x86_page_directory_map, address); }
    CPtr map_pt(u64 address) const { return map(ObjectType::page_table, Label::x86_page_table_map, address); }
    void map_all(u64 address) const { // all structures that a page needs
        map_pdpt(address);
        map_pd(address);
        map_pt(address);
    }

private:
    CPtr map(ObjectType type, Label label, u64 address) const {
        CPtr const structure = scope.make(type);
        must("a paging structure", invoke(structure, label, {address, 0}, {root}));
        return structure;
    }
};

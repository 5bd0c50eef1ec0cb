// SPDX-License-Identifier: Apache-2.0
// Mapping PDPTs, page directories and page tables: ABI 7.6.
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/vspace.hpp"
#include "kernel/kernel.hpp"

std::expected<void, InvocationError> check_asid(Kernel& kernel, Root const& root) {
    PageTable const* const owner = kernel.asids.root(root.asid);
    if (!owner) return refuse(FailedLookup{false, LookupFailure::invalid_root()});
    if (owner != &root.table) return refuse(InvalidCapability{1});
    return {};
}

namespace {

using abi::Label;

// The kinds of structure share one layout; only the type differs.
Cap retyped(CapType type, PageTableCap cap) {
    switch (type) {
    case CapType::pdpt: return PdptCap{cap.table, cap.mapped, cap.asid, cap.address};
    case CapType::page_directory: return PageDirectoryCap{cap.table, cap.mapped, cap.asid, cap.address};
    default: return cap;
    }
}

struct MapStructure {
    Slot& slot;
    u64* entry;
    u64 value;
    Asid asid;
    u64 address;
    static std::expected<MapStructure, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 1));
        auto const structure = call.cap().get<PageTableCap>();
        if (structure.mapped) return refuse(InvalidCapability{0});
        auto const root = TRY(decode_root<Pml4Cap>(call.extra[0]->cap()));
        unsigned const shift = entry_shift_of(call.cap().type());
        u64 const address = call.word(0) >> shift << shift;
        if (address > abi::user_top) return refuse(InvalidArgument{0});
        TRY(check_asid(call.kernel, root));
        auto const entry = find_entry(root.table, address, shift);
        if (!entry) return refuse(FailedLookup{false, entry.error()});
        if (PageEntry{**entry}.present()) return refuse(DeleteFirst{});
        return MapStructure{call.slot, *entry, table_entry(structure.table, call.word(1)), root.asid, address};
    }
    Performed perform(Kernel&) const {
        auto cap = slot.cap().get<PageTableCap>();
        cap.mapped = true;
        cap.asid = asid;
        cap.address = address;
        slot.update(retyped(slot.cap().type(), cap));
        *entry = value;
        return Reply{};
    }
};

struct UnmapStructure {
    Slot& slot;
    static std::expected<UnmapStructure, InvocationError> decode(Invocation const& call) {
        if (!DerivationList::is_last(call.slot)) return refuse(RevokeFirst{});
        return UnmapStructure{call.slot};
    }
    Performed perform(Kernel& kernel) const {
        auto cap = slot.cap().get<PageTableCap>();
        if (!cap.mapped) return Reply{};
        unmap_table(kernel, slot.cap());
        machine::clear(cap.table, sizeof(PageTable));
        cap.mapped = false;
        slot.update(retyped(slot.cap().type(), cap));
        return Reply{};
    }
};

struct Labels {
    Label map, unmap;
};
Labels labels_of(CapType type) {
    switch (type) {
    case CapType::pdpt: return {Label::x86_pdpt_map, Label::x86_pdpt_unmap};
    case CapType::page_directory: return {Label::x86_page_directory_map, Label::x86_page_directory_unmap};
    default: return {Label::x86_page_table_map, Label::x86_page_table_unmap};
    }
}

} // namespace

InvocationResult invoke_paging_structure(Invocation const& call) {
    Labels const labels = labels_of(call.cap().type());
    if (call.label == labels.map) return carry_out<MapStructure>(call);
    if (call.label == labels.unmap) return carry_out<UnmapStructure>(call);
    return refuse(IllegalOperation{});
}

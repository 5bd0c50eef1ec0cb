// SPDX-License-Identifier: Apache-2.0
// Second-stage tables and the frames mapped in them: ABI 7.11.
#include "kernel/memory/nested.hpp"

#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/vspace.hpp"
#include "kernel/kernel.hpp"

namespace {

using abi::Label;

// Extra capability 0: an EPT PML4 that has its ASID.
std::expected<Root, InvocationError> decode_nested_root(Invocation const& call) {
    auto const root = TRY(decode_root<EptPml4Cap>(call.extra[0]->cap()));
    TRY(check_asid(call.kernel, root));
    return root;
}

std::expected<u64*, InvocationError> find_free_entry(PageTable& root, u64 address, unsigned shift) {
    auto const entry = find_entry(root, address, shift);
    if (!entry) return refuse(FailedLookup{false, entry.error()});
    if (PageEntry{**entry}.present()) return refuse(DeleteFirst{});
    return *entry;
}

constexpr u64 address_bits = (u64{1} << 48) - 1; // of a guest-physical address

template <class Table> struct MapTable {
    Slot& slot;
    Table table;
    u64* entry;
    static std::expected<MapTable, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 1));
        Table table = call.cap().get<Table>();
        if (table.mapped) return refuse(InvalidCapability{0});
        auto const root = TRY(decode_nested_root(call));
        unsigned const shift = nested::entry_shift_of(Table::type);
        table.address = GuestPhys{call.word(0) & address_bits}.align_down(shift).value;
        table.asid = root.asid;
        table.mapped = true;
        return MapTable{call.slot, table, TRY(find_free_entry(root.table, table.address, shift))};
    }
    Performed perform(Kernel& kernel) const {
        *entry = nested::table_entry(table.table);
        slot.update(table);
        kernel.guest_tags.tables_changed();
        return Reply{};
    }
};

template <class Table> struct UnmapTable {
    Slot& slot;
    Table table;
    static std::expected<UnmapTable, InvocationError> decode(Invocation const& call) {
        if (!DerivationList::is_last(call.slot)) return refuse(RevokeFirst{});
        return UnmapTable{call.slot, call.cap().get<Table>()};
    }
    Performed perform(Kernel& kernel) const {
        if (!table.mapped) return Reply{};
        nested::unmap_table(kernel, table);
        machine::clear(table.table, sizeof(PageTable));
        slot.update(Table{table.table, false, {}, 0});
        return Reply{};
    }
};

template <class Table>
InvocationResult map_or_unmap(Invocation const& call, Label map, Label unmap) {
    if (call.label == map) return carry_out<MapTable<Table>>(call);
    if (call.label == unmap) return carry_out<UnmapTable<Table>>(call);
    return refuse(IllegalOperation{});
}

struct MapFrame {
    Slot& slot;
    FrameCap frame;
    u64* entry;
    u64 word;
    static std::expected<MapFrame, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(3, 1));
        auto frame = call.cap().get<FrameCap>();
        if (frame.mapped_in != MappedIn::nothing) return refuse(InvalidCapability{0});
        auto const root = TRY(decode_nested_root(call));
        GuestPhys const address =
            GuestPhys{call.word(0) & address_bits}.align_down(abi::size_bits::small_page);
        if (!address.is_aligned(frame.size_bits())) return refuse(AlignmentError{});
        if (frame.size == PageSize::huge) return refuse(InvalidCapability{0});
        u64* const entry = TRY(find_free_entry(root.table, address.value, frame.size_bits()));
        FrameRights const rights =
            mask_frame_rights(frame.rights, CapRights::from_abi(call.word(1)));
        frame.mapped_in = MappedIn::nested;
        frame.asid = root.asid;
        frame.address = address.value;
        return MapFrame{call.slot, frame, entry, nested::frame_entry(frame, rights, call.word(2))};
    }
    Performed perform(Kernel&) const {
        *entry = word;
        slot.update(frame);
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_nested_table(Invocation const& call) {
    switch (call.cap().type()) {
    case CapType::ept_pdpt:
        return map_or_unmap<EptPdptCap>(call, Label::ept_pdpt_map, Label::ept_pdpt_unmap);
    case CapType::ept_pd:
        return map_or_unmap<EptPdCap>(call, Label::ept_pd_map, Label::ept_pd_unmap);
    case CapType::ept_pt:
        return map_or_unmap<EptPtCap>(call, Label::ept_pt_map, Label::ept_pt_unmap);
    default: return refuse(IllegalOperation{});
    }
}

InvocationResult invoke_page_map_ept(Invocation const& call) { return carry_out<MapFrame>(call); }

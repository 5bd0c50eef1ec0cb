// SPDX-License-Identifier: Apache-2.0
// Mapping pages: ABI 7.7. Carving them: abi/shadow_root.hpp.
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/vspace.hpp"
#include "kernel/kernel.hpp"
#include "kernel/memory/nested.hpp"

namespace {

using abi::Label;

struct MapFrame {
    Slot& slot;
    u64* entry;
    u64 value;
    Asid asid;
    u64 address;

    static std::expected<void, InvocationError> check_place(FrameCap const& frame, Root const& root,
                                                            u64 address) {
        switch (frame.mapped_in) {
        case MappedIn::nothing:
            if (address > abi::user_top || address + frame.bytes() > abi::user_top)
                return refuse(InvalidArgument{0});
            return {};
        case MappedIn::nested: return refuse(IllegalOperation{});
        case MappedIn::address_space: break;
        }
        if (frame.asid != root.asid) return refuse(InvalidCapability{1});
        if (frame.address != address) return refuse(InvalidArgument{0});
        return {};
    }

    static std::expected<MapFrame, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(3, 1));
        auto const frame = call.cap().get<FrameCap>();
        u64 const address = call.word(0);
        auto const root = TRY(decode_root<Pml4Cap>(call.extra[0]->cap()));
        TRY(check_place(frame, root, address));
        TRY(check_asid(call.kernel, root));
        if (address % frame.bytes() != 0) return refuse(AlignmentError{});
        auto const entry = find_entry(root.table, address, frame.size_bits());
        if (!entry) return refuse(FailedLookup{false, entry.error()});
        PageEntry const present{**entry};
        bool const structure_there = frame.size != PageSize::small && present.present() && !present.large();
        if (structure_there) return refuse(DeleteFirst{});
        FrameRights const rights = mask_frame_rights(frame.rights, CapRights::from_abi(call.word(1)));
        return MapFrame{call.slot, *entry, frame_entry(frame, rights, call.word(2)), root.asid, address};
    }
    Performed perform(Kernel&) const {
        auto frame = slot.cap().get<FrameCap>();
        frame.mapped_in = MappedIn::address_space;
        frame.asid = asid;
        frame.address = address;
        slot.update(frame);
        bool const replaces = PageEntry{*entry}.present();
        *entry = value;
        if (replaces) machine::invalidate(asid, {address});
        return Reply{};
    }
};

struct UnmapFrame {
    Slot& slot;
    static std::expected<UnmapFrame, InvocationError> decode(Invocation const& call) {
        return UnmapFrame{call.slot};
    }
    Performed perform(Kernel& kernel) const {
        auto const frame = slot.cap().get<FrameCap>();
        if (frame.mapped_in == MappedIn::address_space) unmap_frame(kernel, frame);
        if (frame.mapped_in == MappedIn::nested) nested::unmap_frame(kernel, frame);
        slot.update(frame.unmapped());
        return Reply{};
    }
};

struct GetAddress {
    PhysAddr address;
    static std::expected<GetAddress, InvocationError> decode(Invocation const& call) {
        return GetAddress{call.cap().get<FrameCap>().base};
    }
    Performed perform(Kernel&) const { return Reply{address.value}; }
};

// One page of a frame as a capability of its own: abi/shadow_root.hpp.
struct Carve {
    Slot& frame;
    Slot& to;
    Cap page;
    static std::expected<Carve, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(3, 1));
        auto frame = call.cap().get<FrameCap>();
        u64 const offset = call.word(0);
        constexpr u64 page_bytes = u64{1} << abi::size_bits::small_page;
        if (offset % page_bytes != 0) return refuse(AlignmentError{});
        if (offset >= frame.bytes()) return refuse(RangeError{0, frame.bytes() - page_bytes});
        Slot* const to = TRY(lookup_empty_slot(call.extra[0]->cap(), call.word(1), call.word(2)));
        frame = frame.unmapped();
        frame.base = frame.base + offset;
        frame.size = PageSize::small;
        return Carve{call.slot, *to, frame};
    }
    Performed perform(Kernel&) const {
        // As a copy is inserted: two capabilities to one page are siblings, whatever order they were made in.
        DerivationList::insert_plain(page, frame, to);
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_frame(Invocation const& call) {
    switch (call.label) {
    case Label::x86_page_map: return carry_out<MapFrame>(call);
    case Label::x86_page_unmap: return carry_out<UnmapFrame>(call);
    case Label::x86_page_map_ept: return invoke_page_map_ept(call);
    case Label::x86_page_get_address: return carry_out<GetAddress>(call);
    case Label::frame_carve: return carry_out<Carve>(call);
    default: return refuse(IllegalOperation{});
    }
}

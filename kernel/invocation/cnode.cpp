// SPDX-License-Identifier: Apache-2.0
// Operations on slots: ABI 7.2.
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/invocation.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/kernel.hpp"
#include "kernel/objects.hpp"

namespace {

using abi::Label;

std::expected<Slot*, InvocationError> target_of(Invocation const& call) {
    return lookup_named_slot(call.cap(), call.word(0), call.word(1), false);
}

// The slot to copy or move from: it must hold something.
std::expected<Slot*, InvocationError> source_of(Cap const& root, u64 index, u64 depth) {
    Slot* const slot = TRY(lookup_named_slot(root, index, depth, true));
    if (slot->empty()) return refuse(FailedLookup{true, LookupFailure::missing(depth)});
    return slot;
}

struct Copy { // and Mint
    Slot& to;
    Slot& from;
    Cap cap;
    static std::expected<Copy, InvocationError> decode(Invocation const& call) {
        Slot* const to = TRY(target_of(call));
        TRY(call.needs(4, 1));
        if (!to->empty()) return refuse(DeleteFirst{});
        Slot* const from = TRY(source_of(call.extra[0]->cap(), call.word(2), call.word(3)));
        bool const mint = call.label == Label::cnode_mint;
        TRY(call.needs(mint ? 6 : 5, 1));
        Cap wanted = objects::with_rights(from->cap(), CapRights::from_abi(call.word(4)));
        if (mint) wanted = objects::with_data(wanted, call.word(5), false);
        Cap const cap = TRY(objects::derive(*from, wanted));
        if (cap.is_null()) return refuse(IllegalOperation{});
        return Copy{*to, *from, cap};
    }
    Performed perform(Kernel&) const {
        DerivationList::insert(cap, from, to);
        return Reply{};
    }
};

struct Move { // and Mutate
    Slot& to;
    Slot& from;
    Cap cap;
    static std::expected<Move, InvocationError> decode(Invocation const& call) {
        Slot* const to = TRY(target_of(call));
        TRY(call.needs(4, 1));
        if (!to->empty()) return refuse(DeleteFirst{});
        Slot* const from = TRY(source_of(call.extra[0]->cap(), call.word(2), call.word(3)));
        if (call.label == Label::cnode_move) return Move{*to, *from, from->cap()};
        TRY(call.needs(5, 1));
        Cap const cap = objects::with_data(from->cap(), call.word(4), true);
        if (cap.is_null()) return refuse(IllegalOperation{});
        return Move{*to, *from, cap};
    }
    Performed perform(Kernel&) const {
        DerivationList::move(cap, from, to);
        return Reply{};
    }
};

struct Revoke {
    Slot& slot;
    static std::expected<Revoke, InvocationError> decode(Invocation const& call) {
        return Revoke{*TRY(target_of(call))};
    }
    Performed perform(Kernel& kernel) const {
        auto const done = revoke(kernel, slot);
        if (!done) return fail(done.error());
        return Reply{};
    }
};

struct Delete {
    Slot& slot;
    static std::expected<Delete, InvocationError> decode(Invocation const& call) {
        return Delete{*TRY(target_of(call))};
    }
    Performed perform(Kernel& kernel) const {
        auto const done = delete_slot(kernel, slot);
        if (!done) return fail(done.error());
        return Reply{};
    }
};

struct CancelBadgedSends {
    EndpointCap cap;
    static std::expected<CancelBadgedSends, InvocationError> decode(Invocation const& call) {
        Slot* const slot = TRY(target_of(call));
        auto const endpoint = slot->cap().as<EndpointCap>();
        if (!endpoint || endpoint->rights != CapRights::all()) return refuse(IllegalOperation{});
        return CancelBadgedSends{*endpoint};
    }
    Performed perform(Kernel& kernel) const {
        if (cap.badge != 0) cap.object->cancel_badged_sends(kernel, cap.badge);
        return Reply{};
    }
};

struct SaveCaller {
    Slot& to;
    Slot& from;
    static std::expected<SaveCaller, InvocationError> decode(Invocation const& call) {
        Slot* const to = TRY(target_of(call));
        if (!to->empty()) return refuse(DeleteFirst{});
        return SaveCaller{*to, call.caller.slot(Tcb::caller)};
    }
    Performed perform(Kernel&) const {
        if (!from.empty()) DerivationList::move(from.cap(), from, to);
        return Reply{};
    }
};

struct Rotate {
    Slot& to;
    Slot& pivot;
    Slot& from;
    Cap moved; // from -> pivot
    Cap pivot_cap; // pivot -> to
    static std::expected<Rotate, InvocationError> decode(Invocation const& call) {
        Slot* const to = TRY(target_of(call));
        TRY(call.needs(8, 2));
        u64 const source_depth = call.word(7);
        u64 const pivot_depth = call.word(4);
        Slot* const from = TRY(lookup_named_slot(call.extra[1]->cap(), call.word(6), source_depth, true));
        Slot* const pivot = TRY(lookup_named_slot(call.extra[0]->cap(), call.word(3), pivot_depth, true));
        if (pivot == from || pivot == to) return refuse(IllegalOperation{});
        if (from != to && !to->empty()) return refuse(DeleteFirst{});
        if (from->empty()) return refuse(FailedLookup{true, LookupFailure::missing(source_depth)});
        if (pivot->empty()) return refuse(FailedLookup{false, LookupFailure::missing(pivot_depth)});
        Cap const moved = objects::with_data(from->cap(), call.word(5), true);
        Cap const pivot_cap = objects::with_data(pivot->cap(), call.word(2), true);
        if (moved.is_null() || pivot_cap.is_null()) return refuse(IllegalOperation{});
        return Rotate{*to, *pivot, *from, moved, pivot_cap};
    }
    Performed perform(Kernel&) const {
        if (&to == &from) {
            DerivationList::swap(moved, from, pivot_cap, pivot);
        } else {
            DerivationList::move(pivot_cap, pivot, to);
            DerivationList::move(moved, from, pivot);
        }
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_cnode(Invocation const& call) {
    if (call.label < Label::cnode_revoke || call.label > Label::cnode_save_caller)
        return refuse(IllegalOperation{});
    TRY(call.needs(2, 0));
    switch (call.label) {
    case Label::cnode_copy:
    case Label::cnode_mint: return carry_out<Copy>(call);
    case Label::cnode_move:
    case Label::cnode_mutate: return carry_out<Move>(call);
    case Label::cnode_revoke: return carry_out<Revoke>(call);
    case Label::cnode_delete: return carry_out<Delete>(call);
    case Label::cnode_cancel_badged_sends: return carry_out<CancelBadgedSends>(call);
    case Label::cnode_save_caller: return carry_out<SaveCaller>(call);
    case Label::cnode_rotate: return carry_out<Rotate>(call);
    default: return refuse(IllegalOperation{});
    }
}

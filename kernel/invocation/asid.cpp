// SPDX-License-Identifier: Apache-2.0
// ASID pools: ABI 7.8.
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/invocation.hpp"
#include "kernel/kernel.hpp"

namespace {

using abi::Label;

struct MakePool {
    Slot& untyped;
    Slot& to;
    unsigned index;
    static std::expected<MakePool, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 2));
        auto const index = call.kernel.asids.free_pool();
        if (!index) return refuse(DeleteFirst{});
        auto const memory = call.extra[0]->cap().as<UntypedCap>();
        if (!memory || memory->size_bits != abi::size_bits::asid_pool || memory->device)
            return refuse(InvalidCapability{1});
        if (DerivationList::first_child(*call.extra[0])) return refuse(RevokeFirst{});
        Slot* const to = TRY(lookup_empty_slot(call.extra[1]->cap(), call.word(0), call.word(1)));
        return MakePool{*call.extra[0], *to, *index};
    }
    Performed perform(Kernel& kernel) const {
        auto memory = untyped.cap().get<UntypedCap>();
        auto* const pool = reinterpret_cast<AsidPool*>(machine::window(memory.base));
        machine::clear(pool, sizeof *pool);
        memory.free_offset = memory.size();
        untyped.update(memory);
        kernel.asids.set_pool(index, pool);
        DerivationList::insert_plain(AsidPoolCap{pool, index}, untyped, to);
        return Reply{};
    }
};

struct Assign {
    Slot& root;
    Asid asid;
    static std::expected<Assign, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(0, 1));
        Cap const& cap = call.extra[0]->cap();
        bool const is_root = cap.is<Pml4Cap>() || cap.is<EptPml4Cap>();
        if (!is_root || cap.get<Pml4Cap>().mapped) return refuse(InvalidCapability{1});
        auto const pool = call.cap().get<AsidPoolCap>();
        AsidPool const* const present = call.kernel.asids.pool(pool.index);
        if (!present) return refuse(FailedLookup{false, LookupFailure::invalid_root()});
        if (present != pool.pool) return refuse(InvalidCapability{0});
        auto const asid = call.kernel.asids.free_asid(pool.index);
        if (!asid) return refuse(DeleteFirst{});
        return Assign{*call.extra[0], *asid};
    }
    Performed perform(Kernel& kernel) const {
        PageTable* const table = root.cap().get<Pml4Cap>().table;
        bool const nested = root.cap().is<EptPml4Cap>();
        root.update(nested ? Cap{EptPml4Cap{table, true, asid, 0}} : Cap{Pml4Cap{table, true, asid, 0}});
        kernel.asids.assign(asid, table, nested ? MappedIn::nested : MappedIn::address_space);
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_asid_control(Invocation const& call) {
    if (call.label != Label::x86_asid_control_make_pool) return refuse(IllegalOperation{});
    return carry_out<MakePool>(call);
}

InvocationResult invoke_asid_pool(Invocation const& call) {
    if (call.label != Label::x86_asid_pool_assign) return refuse(IllegalOperation{});
    return carry_out<Assign>(call);
}

// SPDX-License-Identifier: Apache-2.0
// A thread's capability space, address space and IPC buffer: Configure, SetSpace, SetIPCBuffer (ABI 7.1).
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/tcb.hpp"
#include "kernel/kernel.hpp"
#include "kernel/objects.hpp"

namespace {

struct Installation { // a capability for one of the thread's own slots
    Slot* source{};
    Cap cap;
};

struct Space {
    u64 fault_handler;
    Installation cspace;
    Installation vspace;
};

struct Buffer {
    u64 address;
    Installation frame;
};

std::expected<Buffer, InvocationError> decode_buffer(u64 address, Slot& slot) {
    if (address == 0) return Buffer{0, {}};
    Cap const cap = TRY(objects::derive(slot, slot.cap()));
    auto const frame = cap.as<FrameCap>();
    if (!frame || frame->device) return refuse(IllegalOperation{});
    if (address % sizeof(abi::IpcBuffer) != 0) return refuse(AlignmentError{});
    return Buffer{address, {&slot, cap}};
}

bool deletion_pending(Slot const& slot) {
    CapType const type = slot.cap().type();
    bool const has_slots = type == CapType::tcb || type == CapType::cnode || type == CapType::zombie;
    return has_slots && DerivationList::is_last(slot);
}

std::expected<Space, InvocationError> decode_space(Tcb& target, u64 fault_handler, u64 cspace_data,
                                                   Slot& cspace_slot, Slot& vspace_slot) {
    if (deletion_pending(target.slot(Tcb::cspace)) || deletion_pending(target.slot(Tcb::vspace)))
        return refuse(IllegalOperation{});
    Cap wanted = cspace_slot.cap();
    if (cspace_data != 0) wanted = objects::with_data(wanted, cspace_data, false);
    Cap const cspace = TRY(objects::derive(cspace_slot, wanted));
    if (!cspace.is<CNodeCap>()) return refuse(IllegalOperation{});
    Cap const vspace = TRY(objects::derive(vspace_slot, vspace_slot.cap()));
    auto const root = vspace.as<Pml4Cap>();
    if (!root || !root->mapped) return refuse(IllegalOperation{});
    return Space{fault_handler, {&cspace_slot, cspace}, {&vspace_slot, vspace}};
}

// The old capability goes, the new one comes, unless deleting the old one took the new one or the thread with it.
std::expected<void, Preempted> install(Kernel& kernel, Tcb& target, Tcb::SlotIndex index,
                                       Installation const& installation, Slot const& thread_slot) {
    Slot& slot = target.slot(index);
    TRY(delete_slot(kernel, slot));
    if (!installation.source) return {};
    auto const thread = thread_slot.cap().as<TcbCap>();
    bool const still_there = same_object(installation.cap, installation.source->cap()) && thread &&
                             thread->object == &target;
    if (still_there) DerivationList::insert(installation.cap, *installation.source, slot);
    return {};
}

std::expected<void, Preempted> install_space(Kernel& kernel, Tcb& target, Space const& space,
                                             Slot const& thread_slot) {
    target.fault_handler = space.fault_handler;
    TRY(install(kernel, target, Tcb::cspace, space.cspace, thread_slot));
    TRY(install(kernel, target, Tcb::vspace, space.vspace, thread_slot));
    return {};
}

std::expected<void, Preempted> install_buffer(Kernel& kernel, Tcb& target, Buffer const& buffer,
                                              Slot const& thread_slot) {
    TRY(delete_slot(kernel, target.slot(Tcb::ipc_buffer)));
    target.ipc_buffer_address = buffer.address;
    target.end_upcalls(); // its block lay in the old buffer's page
    TRY(install(kernel, target, Tcb::ipc_buffer, buffer.frame, thread_slot));
    if (&target == &kernel.current()) kernel.scheduler.choose_new();
    return {};
}

Performed done(std::expected<void, Preempted> const& result) {
    if (!result) return fail(result.error());
    return Reply{};
}

struct Configure {
    Tcb& target;
    Slot& thread_slot;
    Space space;
    Buffer buffer;
    static std::expected<Configure, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(4, 3));
        auto const buffer = TRY(decode_buffer(call.word(3), *call.extra[2]));
        auto const space = TRY(decode_space(target_of(call), call.word(0), call.word(1), *call.extra[0],
                                            *call.extra[1]));
        return Configure{target_of(call), call.slot, space, buffer};
    }
    Performed perform(Kernel& kernel) const {
        auto const first = install_space(kernel, target, space, thread_slot);
        if (!first) return done(first);
        return done(install_buffer(kernel, target, buffer, thread_slot));
    }
};

struct SetSpace {
    Tcb& target;
    Slot& thread_slot;
    Space space;
    static std::expected<SetSpace, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(3, 2));
        auto const space = TRY(decode_space(target_of(call), call.word(0), call.word(1), *call.extra[0],
                                            *call.extra[1]));
        return SetSpace{target_of(call), call.slot, space};
    }
    Performed perform(Kernel& kernel) const { return done(install_space(kernel, target, space, thread_slot)); }
};

struct SetIpcBuffer {
    Tcb& target;
    Slot& thread_slot;
    Buffer buffer;
    static std::expected<SetIpcBuffer, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(1, 1));
        return SetIpcBuffer{target_of(call), call.slot, TRY(decode_buffer(call.word(0), *call.extra[0]))};
    }
    Performed perform(Kernel& kernel) const { return done(install_buffer(kernel, target, buffer, thread_slot)); }
};

struct SetUpcall {
    Tcb& target;
    Tcb::Upcall upcall;
    static std::expected<SetUpcall, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(6, 0));
        Tcb& target = target_of(call);
        if (target.is_32_bit()) return refuse(IllegalOperation{});
        Tcb::Upcall const upcall{call.word(0), call.word(1), call.word(2),
                                 call.word(3), call.word(4), call.word(5)};
        if (upcall.entry == 0) return SetUpcall{target, {}};
        if (upcall.entry > abi::user_top) return refuse(InvalidArgument{0});
        if (upcall.stack > abi::user_top) return refuse(InvalidArgument{1});
        if (upcall.range_start > upcall.range_end || upcall.range_end > abi::user_top)
            return refuse(InvalidArgument{2});
        if (upcall.block > abi::user_top) return refuse(InvalidArgument{4});
        if (upcall.block % sizeof(u64) != 0) return refuse(AlignmentError{});
        u64 const page = target.ipc_buffer_address & ~u64{0xfff};
        bool const in_page = upcall.block >= page && upcall.block + sizeof(abi::UpcallBlock) <= page + 0x1000;
        if (!target.buffer(true) || !in_page) return refuse(IllegalOperation{});
        return SetUpcall{target, upcall};
    }
    Performed perform(Kernel&) const {
        target.upcall = upcall;
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_configure(Invocation const& call) { return carry_out<Configure>(call); }
InvocationResult invoke_set_space(Invocation const& call) { return carry_out<SetSpace>(call); }
InvocationResult invoke_set_ipc_buffer(Invocation const& call) { return carry_out<SetIpcBuffer>(call); }
InvocationResult invoke_set_upcall(Invocation const& call) { return carry_out<SetUpcall>(call); }

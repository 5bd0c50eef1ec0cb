// SPDX-License-Identifier: Apache-2.0
// Threads: TCB invocations, ABI 7.1, with the extensions abi/upcall.hpp and TCBSetEPTRoot.
#pragma once

#include "abi/thread32.hpp"
#include "abi/upcall.hpp"
#include "user/ipc.hpp"
#include "user/vspace.hpp"

namespace user {

struct UpcallRegistration { // abi/upcall.hpp, TCBSetUpcall; entry 0 turns upcalls off
    u64 entry, stack;
    u64 range_start, range_end;
    u64 block;
    u64 causes;
};

struct Tcb {
    static constexpr auto type = abi::ObjectType::tcb;
    static constexpr u64 register_count = sizeof(abi::UserContext) / sizeof(u64);
    CPtr cptr{};

    struct Space {           // what Configure and SetSpace install
        CPtr fault_endpoint; // looked up in the thread's own CSpace when it faults; 0: none
        CNode cnode;
        u64 cnode_guard; // guard word; 0 leaves the guard of the capability
        VSpace vspace;
    };
    Result<> configure(Space const& space, VirtAddr ipc_buffer, Frame ipc_buffer_frame) const {
        return perform(cptr, abi::Label::tcb_configure,
                       {space.fault_endpoint, space.cnode_guard, 0, ipc_buffer.value},
                       {space.cnode.cptr, space.vspace.cptr, ipc_buffer_frame.cptr});
    }
    Result<> set_space(Space const& space) const {
        return perform(cptr, abi::Label::tcb_set_space,
                       {space.fault_endpoint, space.cnode_guard, 0},
                       {space.cnode.cptr, space.vspace.cptr});
    }
    Result<> set_ipc_buffer(VirtAddr address, Frame frame) const {
        return perform(cptr, abi::Label::tcb_set_ipc_buffer, {address.value}, {frame.cptr});
    }
    // authority: a TCB whose maximum controlled priority allows the value.
    Result<> set_priority(Tcb authority, u64 priority) const {
        return perform(cptr, abi::Label::tcb_set_priority, {priority}, {authority.cptr});
    }
    Result<> set_max_controlled_priority(Tcb authority, u64 priority) const {
        return perform(cptr, abi::Label::tcb_set_mc_priority, {priority}, {authority.cptr});
    }
    Result<> set_scheduling(Tcb authority, u64 max_controlled_priority, u64 priority) const {
        return perform(cptr, abi::Label::tcb_set_sched_params, {max_controlled_priority, priority},
                       {authority.cptr});
    }
    Result<> suspend() const { return perform(cptr, abi::Label::tcb_suspend); }
    Result<> resume() const { return perform(cptr, abi::Label::tcb_resume); }
    Result<> bind(Notification notification) const {
        return perform(cptr, abi::Label::tcb_bind_notification, {}, {notification.cptr});
    }
    Result<> unbind() const { return perform(cptr, abi::Label::tcb_unbind_notification); }
    Result<> set_tls_base(u64 base) const {
        return perform(cptr, abi::Label::tcb_set_tls_base, {base});
    }
    // Bits of abi::thread_flag. Returns the new flags.
    Result<u64> set_flags(u64 clear, u64 set) const {
        return TRY(invoke(cptr, abi::Label::tcb_set_flags, {clear, set})).words[0];
    }

    // All registers. Not of the calling thread itself.
    Result<abi::UserContext> read_registers(bool suspend_first) const;
    Result<> write_registers(abi::UserContext const& registers, bool resume) const;
    Result<> write_wide_registers(abi::UserContext const& registers, bool resume) const; // a 32-bit thread goes on wide
    struct Copy {
        bool suspend_source, resume_target, frame, integer;
    };
    Result<> copy_registers(Tcb source, Copy what) const {
        u64 const flags = u64{what.suspend_source} | u64{what.resume_target} << 1 |
                          u64{what.frame} << 2 | u64{what.integer} << 3;
        return perform(cptr, abi::Label::tcb_copy_registers, {flags}, {source.cptr});
    }

    Result<> set_upcall(UpcallRegistration const& upcall) const {
        return perform(cptr, abi::Label::tcb_set_upcall,
                       {upcall.entry, upcall.stack, upcall.range_start, upcall.range_end,
                        upcall.block, upcall.causes});
    }
    Result<> set_nested_root(NestedRoot root) const {
        return perform(cptr, abi::Label::tcb_set_ept_root, {}, {root.cptr});
    }
    // abi/shadow_root.hpp. first: a multiple of 1 GiB.
    Result<> set_shared_root(NestedRoot root, u64 first) const {
        return perform(cptr, abi::Label::tcb_set_shared_root, {first}, {root.cptr});
    }
    Result<> clear_shared_root() const { return perform(cptr, abi::Label::tcb_set_shared_root, {0}); }
};

} // namespace user

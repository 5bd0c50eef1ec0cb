// SPDX-License-Identifier: Apache-2.0
// Priority, suspension, bound notification, flags of a thread: ABI 7.1.
#include "kernel/invocation/tcb.hpp"

#include "kernel/ipc/cancel.hpp"
#include "kernel/ipc/fault_message.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/kernel.hpp"

namespace {

using abi::Label;

struct SetPriorities { // SetPriority, SetMCPriority, SetSchedParams
    Tcb& target;
    std::optional<u8> max_priority;
    std::optional<u8> priority;
    static std::expected<SetPriorities, InvocationError> decode(Invocation const& call) {
        bool const both = call.label == Label::tcb_set_sched_params;
        TRY(call.needs(both ? 2 : 1, 1));
        auto const authority = call.extra[0]->cap().as<TcbCap>();
        if (!authority) return refuse(InvalidCapability{1});
        u64 const limit = authority->object->max_priority;
        SetPriorities operation{target_of(call), {}, {}};
        if (both || call.label == Label::tcb_set_mc_priority) {
            if (call.word(0) > limit) return refuse(RangeError{0, limit});
            operation.max_priority = static_cast<u8>(call.word(0));
        }
        if (both || call.label == Label::tcb_set_priority) {
            u64 const priority = call.word(both ? 1 : 0);
            if (priority > limit) return refuse(RangeError{0, limit});
            operation.priority = static_cast<u8>(priority);
        }
        return operation;
    }
    Performed perform(Kernel& kernel) const {
        if (max_priority) target.max_priority = *max_priority;
        if (priority) kernel.scheduler.set_priority(target, *priority, kernel.current());
        return Reply{};
    }
};

struct Suspend {
    Tcb& target;
    static std::expected<Suspend, InvocationError> decode(Invocation const& call) {
        return Suspend{target_of(call)};
    }
    Performed perform(Kernel& kernel) const {
        suspend(kernel, target);
        return Reply{};
    }
};

struct Resume {
    Tcb& target;
    static std::expected<Resume, InvocationError> decode(Invocation const& call) {
        return Resume{target_of(call)};
    }
    Performed perform(Kernel& kernel) const {
        resume(kernel, target);
        return Reply{};
    }
};

struct BindNotification {
    Tcb& target;
    Notification& notification;
    static std::expected<BindNotification, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(0, 1));
        Tcb& target = target_of(call);
        if (target.bound_notification) return refuse(IllegalOperation{});
        auto const cap = call.extra[0]->cap().as<NotificationCap>();
        if (!cap || !cap->rights.read()) return refuse(IllegalOperation{});
        if (cap->object->state() == Notification::State::waiting || cap->object->bound())
            return refuse(IllegalOperation{});
        return BindNotification{target, *cap->object};
    }
    Performed perform(Kernel&) const {
        notification.bind(target);
        return Reply{};
    }
};

struct UnbindNotification {
    Notification& notification;
    static std::expected<UnbindNotification, InvocationError> decode(Invocation const& call) {
        Notification* const bound = target_of(call).bound_notification;
        if (!bound) return refuse(IllegalOperation{});
        return UnbindNotification{*bound};
    }
    Performed perform(Kernel&) const {
        notification.unbind();
        return Reply{};
    }
};

struct SetTlsBase {
    Tcb& target;
    u64 base;
    static std::expected<SetTlsBase, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(1, 0));
        return SetTlsBase{target_of(call), call.word(0)};
    }
    Performed perform(Kernel& kernel) const {
        target.registers().fs_base = sane_address(base);
        if (&target == &kernel.current())
            machine::load_segment_bases(target.registers().fs_base, target.registers().gs_base);
        return Reply{};
    }
};

struct SetFlags {
    static constexpr u64 known = abi::thread_flag::fpu_disabled | abi::thread_flag::compatibility;
    Tcb& target;
    u64 flags;
    static std::expected<SetFlags, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 0));
        Tcb& target = target_of(call);
        u64 const old = (target.fpu_disabled ? abi::thread_flag::fpu_disabled : 0) |
                        (target.is_32_bit() ? abi::thread_flag::compatibility : 0);
        u64 const flags = (old & ~call.word(0)) | (call.word(1) & known);
        bool const other_mode = ((old ^ flags) & abi::thread_flag::compatibility) != 0;
        if (other_mode && &target == &call.caller) return refuse(IllegalOperation{}); // it stands in the middle of a system call
        return SetFlags{target, flags};
    }
    Performed perform(Kernel& kernel) const {
        bool const compatibility = (flags & abi::thread_flag::compatibility) != 0;
        if (compatibility != target.is_32_bit()) {
            suspend(kernel, target);
            target.set_32_bit(compatibility);
            target.registers().rflags = sane_rflags(target.registers().rflags); // a 32-bit thread's handler sets more
        }
        bool const disable = (flags & abi::thread_flag::fpu_disabled) != 0;
        if (disable && !target.fpu_disabled) kernel.release_fpu(target, true);
        target.fpu_disabled = disable;
        kernel.load_fpu(kernel.cpu(), kernel.current()); // saving the target's state has enabled the FPU for whoever goes on
        return Reply{flags};
    }
};

} // namespace

InvocationResult invoke_tcb(Invocation const& call) {
    switch (call.label) {
    case Label::tcb_read_registers: return invoke_read_registers(call);
    case Label::tcb_write_registers: return invoke_write_registers(call);
    case Label::tcb_copy_registers: return invoke_copy_registers(call);
    case Label::tcb_configure: return invoke_configure(call);
    case Label::tcb_set_space: return invoke_set_space(call);
    case Label::tcb_set_ipc_buffer: return invoke_set_ipc_buffer(call);
    case Label::tcb_set_priority:
    case Label::tcb_set_mc_priority:
    case Label::tcb_set_sched_params: return carry_out<SetPriorities>(call);
    case Label::tcb_suspend: return carry_out<Suspend>(call);
    case Label::tcb_resume: return carry_out<Resume>(call);
    case Label::tcb_bind_notification: return carry_out<BindNotification>(call);
    case Label::tcb_unbind_notification: return carry_out<UnbindNotification>(call);
    case Label::tcb_set_tls_base: return carry_out<SetTlsBase>(call);
    case Label::tcb_set_flags: return carry_out<SetFlags>(call);
    case Label::tcb_set_ept_root: return invoke_set_ept_root(call);
    case Label::tcb_set_shared_root: return invoke_set_shared_root(call);
    case Label::tcb_set_upcall: return invoke_set_upcall(call);
    default: return refuse(IllegalOperation{});
    }
}

// SPDX-License-Identifier: Apache-2.0
// Reading, writing and copying a thread's registers: ABI 7.1.
#include "kernel/invocation/tcb.hpp"
#include "kernel/ipc/cancel.hpp"
#include "kernel/ipc/fault_message.hpp"
#include "kernel/kernel.hpp"

namespace {

constexpr unsigned register_count = sizeof(abi::UserContext) / sizeof(u64);
constexpr unsigned frame_registers = 18; // then FS and GS base

u64* words_of(abi::UserContext& registers) { return &registers.rip; }

struct ReadRegisters {
    Tcb& target;
    bool suspend_first;
    unsigned count;
    static std::expected<ReadRegisters, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 0));
        u64 const count = call.word(1);
        if (count < 1 || count > register_count) return refuse(RangeError{1, register_count});
        Tcb& target = target_of(call);
        if (&target == &call.caller) return refuse(IllegalOperation{});
        return ReadRegisters{target, (call.word(0) & 1) != 0, static_cast<unsigned>(count)};
    }
    Performed perform(Kernel& kernel) const {
        if (suspend_first) suspend(kernel, target);
        return Reply{words_of(target.registers()), count};
    }
};

struct WriteRegisters {
    Tcb& target;
    bool resume_after;
    bool wide; // of a 32-bit thread
    unsigned count;
    abi::UserContext values;
    static std::expected<WriteRegisters, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 0));
        u64 const count = call.word(1);
        if (call.length - 2 < count) return refuse(TruncatedMessage{});
        Tcb& target = target_of(call);
        if (&target == &call.caller) return refuse(IllegalOperation{});
        WriteRegisters operation{target, abi::write_registers::Resume::get(call.word(0)) != 0,
                                 abi::write_registers::Wide::get(call.word(0)) != 0,
                                 count > register_count ? register_count : static_cast<unsigned>(count),
                                 target.registers()};
        for (unsigned i = 0; i < operation.count; ++i) words_of(operation.values)[i] = call.word(2 + i);
        return operation;
    }
    Performed perform(Kernel& kernel) const {
        abi::UserContext& registers = target.registers();
        registers = values;
        registers.rip = sane_address(registers.rip);
        registers.fs_base = sane_address(registers.fs_base);
        registers.gs_base = sane_address(registers.gs_base);
        if (count > 2) registers.rflags = sane_rflags(registers.rflags);
        target.context.next_ip = registers.rip;
        target.context.restore_all = 1;
        if (target.is_32_bit()) target.set_wide(wide);
        if (resume_after) resume(kernel, target);
        return Reply{};
    }
};

struct CopyRegisters {
    Tcb& source;
    Tcb& target;
    u64 flags;
    using SuspendSource = Bits<0>;
    using ResumeTarget = Bits<1>;
    using FrameRegisters = Bits<2>;
    using IntegerRegisters = Bits<3>;
    static std::expected<CopyRegisters, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(1, 1));
        auto const source = call.extra[0]->cap().as<TcbCap>();
        if (!source) return refuse(InvalidCapability{1});
        return CopyRegisters{*source->object, target_of(call), call.word(0)};
    }
    Performed perform(Kernel& kernel) const {
        if (SuspendSource::get(flags)) suspend(kernel, source);
        if (ResumeTarget::get(flags)) resume(kernel, target);
        if (FrameRegisters::get(flags)) {
            for (unsigned i = 0; i < frame_registers; ++i)
                words_of(target.registers())[i] = words_of(source.registers())[i];
            if (source.is_32_bit()) target.registers().rflags = sane_rflags(target.registers().rflags); // its handler sets more
            target.context.next_ip = target.registers().rip;
            target.context.restore_all = 1;
            if (target.is_32_bit()) target.set_wide(false);
        }
        if (IntegerRegisters::get(flags)) {
            target.registers().fs_base = source.registers().fs_base;
            target.registers().gs_base = source.registers().gs_base;
        }
        if (&target == &kernel.current()) {
            machine::load_segment_bases(target.registers().fs_base, target.registers().gs_base);
            kernel.scheduler.choose_new();
        }
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_read_registers(Invocation const& call) { return carry_out<ReadRegisters>(call); }
InvocationResult invoke_write_registers(Invocation const& call) { return carry_out<WriteRegisters>(call); }
InvocationResult invoke_copy_registers(Invocation const& call) { return carry_out<CopyRegisters>(call); }

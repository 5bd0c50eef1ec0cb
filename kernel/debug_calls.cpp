// SPDX-License-Identifier: Apache-2.0
// The system calls of the debug profile: ABI 4.6. Bad arguments are reported on the console, nothing worse.
#include "kernel/kernel.hpp"
#include "kernel/machine/print.hpp"

namespace {

char const* name_of(ThreadState state) {
    switch (state) {
    case ThreadState::inactive: return "inactive";
    case ThreadState::running: return "running";
    case ThreadState::restart: return "restart";
    case ThreadState::blocked_on_receive: return "blocked on receive";
    case ThreadState::blocked_on_send: return "blocked on send";
    case ThreadState::blocked_on_reply: return "blocked on reply";
    case ThreadState::blocked_on_notification: return "blocked on notification";
    case ThreadState::running_vm: return "running VM";
    case ThreadState::running_32: return "running 32-bit code";
    case ThreadState::idle: return "idle";
    }
    return "?";
}

void dump(Tcb const& thread) {
    machine::print_line("  ", static_cast<char const*>(thread.name), ": ", name_of(thread.state), ", priority ",
                        u64{thread.priority}, ", rip ", machine::Hex{thread.context.registers.rip});
}

// The name starts at the message words of the buffer and ends with NUL inside the message.
bool name_thread(Tcb& caller, Tcb& target) {
    abi::IpcBuffer const* const buffer = caller.buffer(false);
    if (!buffer) return false;
    auto const* const text = reinterpret_cast<char const*>(buffer->message);
    for (unsigned i = 0; i < sizeof buffer->message; ++i) {
        if (text[i] != 0) continue;
        target.set_name(text);
        return true;
    }
    return false;
}

} // namespace

void Kernel::debug_syscall(abi::Syscall call) {
    Tcb& thread = current();
    u64 const argument = thread.registers().rdi;
    switch (call) {
    case abi::Syscall::debug_put_char: return machine::put_char(static_cast<char>(argument));
    case abi::Syscall::debug_dump_scheduler:
    case abi::Syscall::debug_snapshot:
        machine::print_line("kernel: current thread and those ready to run:");
        dump(thread);
        return scheduler.for_each_ready(dump);
    case abi::Syscall::debug_halt:
        machine::print_line("kernel: halted by user level");
        machine::halt();
    case abi::Syscall::debug_cap_identify: {
        auto const found = lookup_slot(thread.cap(Tcb::cspace), argument, 64);
        thread.registers().rdi = found ? static_cast<u64>(found->slot->cap().type()) : 0;
        return;
    }
    case abi::Syscall::debug_name_thread: {
        auto const found = lookup_slot(thread.cap(Tcb::cspace), argument, 64);
        auto const target = found ? found->slot->cap().as<TcbCap>() : std::nullopt;
        if (!target || !name_thread(thread, *target->object))
            machine::print_line("kernel: DebugNameThread: no TCB, or no name that ends within the IPC buffer");
        return;
    }
    default: return;
    }
}

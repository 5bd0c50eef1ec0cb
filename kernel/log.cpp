// SPDX-License-Identifier: Apache-2.0
#include "kernel/log.hpp"

namespace report {

void text(char const* string) {
    for (; *string; ++string) machine::put_char(*string);
}

void hex(u64 value) {
    text("0x");
    int shift = 60;
    while (shift > 0 && (value >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) machine::put_char("0123456789abcdef"[(value >> shift) & 15]);
}

void decimal(u64 value) {
    if (value >= 10) decimal(value / 10);
    machine::put_char(static_cast<char>('0' + value % 10));
}

} // namespace report

void log_unhandled_fault(Tcb const& thread) {
    Fault const& fault = thread.fault;
    report::text("kernel: thread '");
    report::text(thread.name);
    report::text("' has no fault handler and stops: ");
    switch (fault.label) {
    case abi::FaultLabel::cap_fault:
        report::text(fault.in_receive_phase ? "no capability to receive on at " : "no capability at ");
        report::hex(fault.first);
        break;
    case abi::FaultLabel::unknown_syscall:
        report::text("unknown system call ");
        report::hex(fault.first);
        break;
    case abi::FaultLabel::user_exception:
        report::text("exception ");
        report::decimal(fault.first);
        report::text(", code ");
        report::hex(fault.second);
        break;
    case abi::FaultLabel::vm_fault:
        report::text(fault.second & 16 ? "execute of " : fault.second & 2 ? "write to " : "read of ");
        report::hex(fault.first);
        break;
    case abi::FaultLabel::null:
    case abi::FaultLabel::debug_exception: break;
    }
    report::text(" at rip ");
    report::hex(thread.context.registers.rip);
    report::text("\n");
}

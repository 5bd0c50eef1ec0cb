// SPDX-License-Identifier: Apache-2.0
#include "kernel/log.hpp"

#include "kernel/machine/print.hpp"

namespace {

using machine::Hex, machine::print;

void print_fault(Fault const& fault, bool wide) {
    switch (fault.label) {
    case abi::FaultLabel::cap_fault:
        print(fault.in_receive_phase ? "no capability to receive on at " : "no capability at ");
        return print(Hex{fault.first});
    case abi::FaultLabel::unknown_syscall:
        print("unknown system call ");
        return print(Hex{fault.first});
    case abi::FaultLabel::user_exception:
        print("exception ");
        print(fault.first);
        print(", code ");
        return print(Hex{fault.second});
    case abi::FaultLabel::vm_fault:
        print(fault.second & 16 ? "execute of " : fault.second & 2 ? "write to " : "read of ");
        return print(Hex{fault.first});
    case abi::FaultLabel::trap32: {
        u64 const event = Fault::TrapEvent::get(fault.second);
        print(wide ? "wide " : "32-bit ");
        print(abi::trap32::event_word::Syscall::get(event)    ? "system call "
              : abi::trap32::event_word::Software::get(event) ? "software interrupt "
                                                              : "exception ");
        print(abi::trap32::event_word::Vector::get(event));
        print(", code ");
        print(Hex{Fault::TrapCode::get(fault.second)});
        print(", cr2 ");
        return print(Hex{fault.first});
    }
    case abi::FaultLabel::null:
    case abi::FaultLabel::debug_exception: break;
    }
}

} // namespace

void log_unhandled_fault(Tcb const& thread) {
    print("kernel: thread '");
    print(thread.name);
    print("' has no fault handler and stops: ");
    print_fault(thread.fault, thread.is_wide());
    machine::print_line(" at rip ", Hex{thread.context.registers.rip});
}

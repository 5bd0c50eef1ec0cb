// SPDX-License-Identifier: Apache-2.0
// Why the kernel was entered. The interrupted registers are in the current thread's Context already.
#pragma once

#include <variant>

#include "base/types.hpp"

struct SyscallEvent {}; // SYSCALL instruction; number in rdx

struct PageFaultEvent { // from user mode
    VirtAddr address;   // CR2
    u64 error_code;     // processor's page-fault error code
};

struct ExceptionEvent { // any other exception from user mode
    u8 vector;
    u64 error_code; // 0 where the processor pushes none
};

struct InterruptEvent { // external interrupt, from user mode, idle or a guest. Not acknowledged yet.
    u8 vector;          // processor's vector, 0x20..0xff
};

struct SoftwareInterruptEvent { // INT n that the IDT lets through to user mode (158..254): an unknown system call, ABI 4.7
    u8 vector;
};

struct VmExitEvent {}; // the current thread's Vcpu left guest mode; the exit is recorded in the Vcpu

struct Trap32Event { // any exception, INT n or SYSCALL of a 32-bit thread; it has no other events than this and interrupts
    u64 event;       // abi::trap32::event_word
    u64 error_code;  // 0 where the processor pushes none
    u64 address;     // CR2 of a page fault, else 0
};

using Event =
    std::variant<SyscallEvent, PageFaultEvent, ExceptionEvent, InterruptEvent, SoftwareInterruptEvent, VmExitEvent, Trap32Event>;

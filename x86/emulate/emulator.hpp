// SPDX-License-Identifier: Apache-2.0
// One instruction at a time, as the processor would carry it out: for devices in memory, for
// write-protected page tables, for privileged instructions of deprivileged guests. No system calls.
// An instruction that ends with an exception has changed nothing that the processor would not have
// changed (a repeated string instruction keeps the iterations that were done).
#pragma once

#include "x86/emulate/processor.hpp"

namespace x86 {

enum class Outcome : u8 {
    done,         // rip is behind the instruction (or at its target)
    repeat,       // a repeated string instruction is not finished: rip is still on it; interrupts may come first
    halt,         // HLT was carried out: rip is behind it
    raised,       // `exception` is to be delivered. A fault: rip is on the instruction; #DB of a single step: behind it.
                  // INT n, INT3 and INTO deliver by themselves: done
    hypercall,    // VMCALL, VMMCALL; rip is on it
    triple_fault, // the guest cannot go on
    unsupported,  // `why` names the instruction, or what it wanted (a task switch); nothing changed
};

struct Result {
    Outcome outcome{};
    Exception exception{};
    char const* why{}; // static text
};

// The instruction at CS:rip. Exceptions are returned, not delivered.
Result emulate(Processor& processor);

enum class EventKind : u8 {
    exception,          // error code pushed if it has one
    external_interrupt, // no DPL check
    software_interrupt, // INT n, INT3, INTO: the gate's DPL is checked against CPL
};

// Delivers an event through the guest's IDT: gates, stack switch by the TSS, error code, flags; in
// real mode through its vector table. A fault on the way makes a double fault, then a triple fault,
// by the processor's rules (Intel SDM vol. 3, 6.15). Result: done, triple_fault or unsupported.
Result deliver(Processor& processor, EventKind kind, Exception const& event);

} // namespace x86

// SPDX-License-Identifier: Apache-2.0
// Both sides of entry.S: what it offers, and what it calls.
#pragma once

#include "kernel/event.hpp"
#include "kernel/thread/context.hpp"

extern "C" {

// Offered by entry.S.
[[noreturn]] void
return_to_user(Context* context); // the first time; afterwards by returning from on_syscall or on_trap
unsigned wait_for_interrupt();    // sleeps; the vector of the interrupt that ended it, not acknowledged
unsigned take_interrupt();        // the vector of a pending interrupt, not acknowledged; 0: none
void syscall_entry();
void syscall_entry_32(); // where the processor knows SYSCALL in compatibility mode
void ignore_interrupt();
extern std::byte trap_stubs[]; // 256 stubs of 16 bytes
extern Context* current_context;

// Called by entry.S on the kernel stack with interrupts off, the user's registers saved in *current_context. They return the
// Context to go on with in user mode. on_syscall belongs to kernel/boot/enter.cpp, the others to trap.cpp.
Context* on_syscall();
Context* on_trap(u64 vector, u64 error_code);
Context* on_trap_32(u64 vector, u64 error_code); // from a 32-bit thread; vector 256: SYSCALL

} // extern "C"

// Every event but SYSCALL goes from trap.cpp to here: kernel/boot/enter.cpp.
Context* enter(Event const& event);
// Of a 32-bit thread: the words of a Trap32Event, or the vector of an InterruptEvent.
Context* enter_trap_32(u64 event, u64 error_code, u64 address);
Context* enter_interrupt_32(u8 vector);

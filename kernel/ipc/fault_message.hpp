// SPDX-License-Identifier: Apache-2.0
// Faults as messages to the handler, and the handler's answer: ABI 9.2, 9.3.
#pragma once

#include "kernel/thread/tcb.hpp"

// Writes the words of the faulted thread's message to the receiver; returns how many arrived.
u64 write_fault_message(Tcb const& faulted, Tcb& receiver);
u64 write_trap32_message(Tcb const& faulted, Tcb& receiver); // the same for a trap32 fault

// Applies the registers in the replier's message to the faulted thread. Does the thread go on?
bool apply_fault_reply(Tcb const& replier, Tcb& faulted);
bool apply_trap32_reply(Tcb const& replier, Tcb& faulted); // the same to a trap32 fault

// Makes a value a user gave fit for a register: ABI 7.1.2.
u64 sane_address(u64 value); // rip, FS and GS base
u64 sane_rflags(u64 value);
u64 sane_rflags_32(u64 value); // of a 32-bit thread, by its handler

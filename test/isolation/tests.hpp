// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "test/isolation/attacks.hpp"
#include "test/isolation/child.hpp"

void test_cases();       // the table of instructions.S and entry.S
void test_interrupts();  // INT n for all n; every state at a timer tick
void test_segments();    // all selectors in all segment registers
void test_flags();       // by POPF, WriteRegisters, fault replies
void test_addresses();   // kernel memory, the canonical hole, at every entry
void test_ports();       // I/O ports with and without a capability
void test_memory();      // what Retype gives is clean
void test_translation(); // nothing outlives its unmapping in the TLB
void test_fpu();         // FPU registers of another thread
void test_leaks();       // what registers and buffers tell after a system call

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "test/thread32/guest.hpp"
#include "test/thread32/routines.hpp"

void test_registers(); // and the flags of the thread, its answers, hostile values
void test_segments();  // selectors, bases, far transfers
void test_traps();     // INT n, system calls, privileged instructions, page faults, single steps
void test_spaces();    // roots, the shared root, the TLB
void test_threads();   // preemption, FPU
void test_wide();      // threads in 64-bit mode: registers, flags, hostile answers, preemption
void test_wide_escapes(); // selectors, far transfers, INT n, SYSCALL, privileged instructions
void test_wide_spaces();  // what is mapped where

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "test/thread32/guest.hpp"
#include "test/thread32/routines.hpp"

void test_registers(); // and the flags of the thread, its answers, hostile values
void test_segments();  // selectors, bases, far transfers
void test_traps();     // INT n, system calls, privileged instructions, page faults, single steps
void test_spaces();    // roots, the shared root, the TLB
void test_threads();   // preemption, FPU

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "test/vcpu/bench.hpp"

void test_instructions(); // what exits, and what the exit says
void test_events();       // interrupts and exceptions, injected and intercepted
void test_memory();       // second-stage tables
void test_shadow();       // without nested paging
void test_scheduling();   // notifications, time slices, threads and objects that end
void test_hostile();      // monitors that write nonsense

inline constexpr user::Tcb own_thread{abi::initial_slot::tcb};
inline constexpr u64 hlt_exiting = vmx::primary::Hlt::mask;
inline constexpr u64 window_exiting = vmx::primary::InterruptWindow::mask;
constexpr u64 reason_of(vmx::ExitReason reason) { return static_cast<u64>(reason); }

// SPDX-License-Identifier: Apache-2.0
// The local APIC in xAPIC mode: Intel SDM vol. 3, chapter 11. end_of_interrupt() and interrupt_pending() of machine.hpp use it.
#pragma once

#include "base/types.hpp"

namespace machine {

// Puts the local APIC into xAPIC mode and says where its registers are.
PhysAddr find_local_apic();

// registers: where its page is mapped. Everything masked, no interrupt in service.
void start_local_apic(u64 registers);

u8 local_apic_id();
bool interrupt_in_service(u8 vector); // delivered and not yet acknowledged

// The timer counts down from 0xffffffff, silently: for calibration. Then the kernel's tick: timer_vector every `counts`.
void start_timer_count();
u32 timer_counts_elapsed();
void start_tick(u32 counts);

} // namespace machine

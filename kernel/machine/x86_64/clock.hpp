// SPDX-License-Identifier: Apache-2.0
// How fast the time-stamp counter and the local APIC's timer run, measured against the PC's interval timer (8254).
#pragma once

#include "base/types.hpp"

namespace machine {
struct ClockRates {
    u32 tsc_mhz;        // not 0
    u32 timer_per_tick; // counts of the local APIC timer in 2 ms, not 0
};
ClockRates measure_clocks(); // takes about 50 ms; the local APIC must be started
} // namespace machine

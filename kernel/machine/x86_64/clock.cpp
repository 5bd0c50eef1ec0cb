// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/clock.hpp"

#include <algorithm>

#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "kernel/machine/x86_64/local_apic.hpp"

namespace machine {
namespace {

constexpr u16 channel2 = 0x42, mode = 0x43, gate = 0x61;
constexpr u8 gate_on = 1, speaker_on = 2, output = 1 << 5;
constexpr u8 channel2_one_shot = 0xb0; // both bytes, mode 0: the output rises when the count is over
constexpr u32 input_hz = 1193182;
constexpr u32 interval_us = 10000;
constexpr u16 interval_counts = input_hz / (1000000 / interval_us);
constexpr u32 tick_us = 2000;

struct Sample {
    u64 tsc, timer;
};

// The counters are read before the interval starts and after it ended, so a sample is never too short; whatever delays this code
// (an emulator that loses its processor) makes it longer.
Sample measure_interval() {
    constexpr u64 patience = u64{1} << 36; // TSC ticks: some ten seconds
    processor::out8(gate, static_cast<u8>((processor::in8(gate) & ~speaker_on) | gate_on));
    processor::out8(mode, channel2_one_shot);
    processor::out8(channel2, interval_counts & 0xff);
    start_timer_count();
    u64 const start = processor::time_stamp();
    processor::out8(channel2, interval_counts >> 8);
    while ((processor::in8(gate) & output) == 0) {
        if (processor::time_stamp() - start > patience)
            fatal("the interval timer (8254) does not count: no clock");
    }
    return {processor::time_stamp() - start, timer_counts_elapsed()};
}

} // namespace

ClockRates measure_clocks() {
    Sample best = measure_interval();
    for (unsigned i = 0; i < 4; ++i) {
        Sample const next = measure_interval();
        best = {std::min(best.tsc, next.tsc), std::min(best.timer, next.timer)};
    }
    u64 const mhz = (best.tsc + interval_us / 2) / interval_us;
    return {static_cast<u32>(std::max<u64>(mhz, 1)),
            static_cast<u32>(std::max<u64>(best.timer * tick_us / interval_us, 1))};
}

} // namespace machine

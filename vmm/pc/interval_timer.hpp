// SPDX-License-Identifier: Apache-2.0
// What is left of the PC's interval timer (Intel 8254 data sheet): channel 2, which makes no
// interrupt. Programs without a paravirtual clock measure the time-stamp counter with it. Its gate
// and its output are bits of port 0x61.
#pragma once

#include "base/types.hpp"

namespace vmm {

class IntervalTimer {
public:
    static constexpr u64 frequency = 1'193'182; // of its clock, in hertz

    explicit IntervalTimer(u64 tsc_khz) : tsc_khz_(tsc_khz) {}
    void reset() { *this = IntervalTimer(tsc_khz_); }

    // now: the guest's time-stamp counter, which never goes back.
    void write_control(u8 value, u64 now); // port 0x43
    void write_counter(u8 value, u64 now); // port 0x42
    u8 read_counter(u64 now);
    void write_gate(u8 value, u64 now); // port 0x61
    u8 read_gate(u64 now) const;

private:
    enum class Mode : u8 { once, periodic, square_wave };
    u64 ticks(u64 now) const; // counted since the count was written, while the gate was open
    u64 period() const { return count_ == 0 ? 0x10000 : count_; }
    u16 value(u64 now) const;
    bool output(u64 now) const;

    u64 tsc_khz_;
    u64 since_{};  // the gate is open, or the count was written: time-stamp counter
    u64 before_{}; // ticks counted until then
    u16 count_{};
    u16 latch_{};
    u8 access_{3};   // bits: low byte, high byte
    u8 gate_port_{}; // bits 1:0 of port 0x61: gate, speaker
    bool high_next_{}, latched_{}, counting_{};
    Mode mode_{};
};

} // namespace vmm

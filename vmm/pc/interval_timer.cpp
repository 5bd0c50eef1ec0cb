// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/interval_timer.hpp"

namespace vmm {
namespace {

using Channel = Bits<7, 6>; // of the control word
using AccessMode = Bits<5, 4>;
using CountingMode = Bits<3, 1>;
constexpr u64 our_channel = 2, latch_command = 0;
constexpr u8 low_byte = 1, both_bytes = 3;
constexpr u8 gate = 1 << 0, gate_and_speaker = 3, output_bit = 1 << 5; // of port 0x61

} // namespace

u64 IntervalTimer::ticks(u64 now) const {
    if (!counting_ || (gate_port_ & gate) == 0 || now <= since_) return before_;
    auto const wide = static_cast<unsigned __int128>(now - since_) * frequency;
    return before_ + static_cast<u64>(wide / (tsc_khz_ * 1000));
}

u16 IntervalTimer::value(u64 now) const {
    u64 const passed = ticks(now);
    if (mode_ == Mode::once) return static_cast<u16>(count_ - passed); // goes on behind 0
    u64 const left = period() - passed % period();
    return static_cast<u16>(mode_ == Mode::periodic ? left : left * 2 % period());
}

bool IntervalTimer::output(u64 now) const {
    if (mode_ == Mode::once) return counting_ && ticks(now) > period(); // one more to load it
    u64 const phase = ticks(now) % period();
    return mode_ == Mode::periodic ? phase != period() - 1 : phase < (period() + 1) / 2;
}

void IntervalTimer::write_control(u8 word, u64 now) {
    if (Channel::get(word) != our_channel) return;
    if (AccessMode::get(word) == latch_command) {
        if (!latched_) latch_ = value(now);
        latched_ = true;
        return;
    }
    access_ = static_cast<u8>(AccessMode::get(word));
    u64 const mode = CountingMode::get(word) & 3; // of modes 2 and 3 the third bit does not count
    mode_ = mode == 2 ? Mode::periodic : mode == 3 ? Mode::square_wave : Mode::once;
    count_ = 0;
    before_ = 0;
    high_next_ = latched_ = counting_ = false;
}

void IntervalTimer::write_counter(u8 byte, u64 now) {
    bool const high = access_ == both_bytes ? high_next_ : access_ != low_byte;
    count_ = static_cast<u16>(high ? (count_ & 0xff) | byte << 8 : (count_ & 0xff00) | byte);
    if (access_ == both_bytes) high_next_ = !high_next_;
    counting_ = !high_next_;
    before_ = 0;
    since_ = now;
}

u8 IntervalTimer::read_counter(u64 now) {
    u16 const whole = latched_ ? latch_ : value(now);
    bool const high = access_ == both_bytes ? high_next_ : access_ != low_byte;
    if (access_ == both_bytes) high_next_ = !high_next_;
    if (!high_next_) latched_ = false;
    return static_cast<u8>(high ? whole >> 8 : whole);
}

void IntervalTimer::write_gate(u8 byte, u64 now) {
    bool const opens = (byte & ~gate_port_ & gate) != 0;
    before_ = opens && mode_ != Mode::once ? 0 : ticks(now); // an opened gate starts a new period
    since_ = now;
    gate_port_ = byte & gate_and_speaker;
}

u8 IntervalTimer::read_gate(u64 now) const {
    return static_cast<u8>(gate_port_ | (output(now) ? output_bit : 0));
}

} // namespace vmm

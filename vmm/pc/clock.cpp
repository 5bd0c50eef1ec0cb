// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/clock.hpp"

namespace vmm {
namespace {

struct TimePage {
    u32 version; // odd while it changes; it never changes, because the counter is constant and
                 // there is one processor
    u32 padding;
    u64 tsc_timestamp;
    u64 system_time; // nanoseconds at tsc_timestamp
    u32 multiplier;
    std::int8_t shift;
    u8 flags;
    u8 padding2[2];
};
static_assert(sizeof(TimePage) == 32);

struct WallClock {
    u32 version;
    u32 seconds;
    u32 nanoseconds;
};

constexpr u64 enabled = 1;
constexpr u8 tsc_stable = 1;
constexpr u64 nanoseconds_per_second = 1'000'000'000;

} // namespace

TickScale tick_scale(u64 tsc_khz) {
    // Shift until the frequency lies in (10^9, 2 * 10^9] Hz, so that 2^32 * 10^9 / frequency has 32
    // significant bits.
    u64 frequency = tsc_khz * 1000;
    std::int8_t shift = 0;
    while (frequency > 2 * nanoseconds_per_second) {
        frequency >>= 1;
        --shift;
    }
    while (frequency <= nanoseconds_per_second) {
        frequency <<= 1;
        ++shift;
    }
    return {static_cast<u32>((static_cast<unsigned __int128>(nanoseconds_per_second) << 32) /
                             frequency),
            shift};
}

bool ParavirtualClock::write_system_time(u64 value, GuestMemory const& memory) {
    system_time_ = value;
    if ((value & enabled) == 0) return true;
    auto const scale = tick_scale(base_.tsc_khz);
    TimePage const page{.version = 2,
                        .padding = 0,
                        .tsc_timestamp = 0,
                        .system_time = 0,
                        .multiplier = scale.multiplier,
                        .shift = scale.shift,
                        .flags = tsc_stable,
                        .padding2 = {}};
    return memory.write(GuestPhys{value & ~enabled}, page);
}

bool ParavirtualClock::write_wall_clock(u64 address, GuestMemory const& memory) const {
    u64 const frequency = base_.tsc_khz * 1000;
    u64 const whole = base_.wall_clock_tsc / frequency;
    u64 const rest = base_.wall_clock_tsc % frequency * nanoseconds_per_second / frequency;
    // The time of day when the counter was 0 lies `whole` seconds and `rest` nanoseconds before the
    // base.
    u64 const seconds = base_.wall_clock_base - whole - (rest != 0);
    u64 const nanoseconds = rest == 0 ? 0 : nanoseconds_per_second - rest;
    return memory.write(GuestPhys{address},
                        WallClock{2, static_cast<u32>(seconds), static_cast<u32>(nanoseconds)});
}

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/clock.hpp"

#include "base/gtest.hpp"
#include <vector>

namespace vmm {
namespace {

u64 scaled(u64 ticks, TickScale scale) {
    ticks = scale.shift >= 0 ? ticks << scale.shift : ticks >> -scale.shift;
    return static_cast<u64>(static_cast<unsigned __int128>(ticks) * scale.multiplier >> 32);
}

TEST(Clock, ScaleTurnsTicksIntoNanosecondsForSlowAndFastCounters) {
    for (u64 khz : {1'000'000u, 999'999u, 2'000'000u, 2'893'201u, 5'000'000u, 100'000u}) {
        u64 const second = scaled(khz * 1000, tick_scale(khz));
        EXPECT_NEAR(static_cast<double>(second), 1e9, 10) << khz;
    }
}

TEST(Clock, TimePageHoldsScaleAndStableFlag) {
    std::vector<u8> ram(8192);
    GuestMemory memory(ram);
    ParavirtualClock clock({.tsc_khz = 2'000'000, .wall_clock_base = 0, .wall_clock_tsc = 0});
    EXPECT_TRUE(clock.write_system_time(0x1000 | 1, memory));
    EXPECT_EQ(clock.system_time(), 0x1001u);
    EXPECT_EQ(memory.read<u32>(GuestPhys{0x1000}), 2u);
    EXPECT_EQ(memory.read<u32>(GuestPhys{0x1018}), 0x80000000u);
    EXPECT_EQ(memory.read<u8>(GuestPhys{0x101d}), 1);
}

TEST(Clock, RefusesAPageOutsideRamUnlessItIsSwitchedOff) {
    std::vector<u8> ram(4096);
    GuestMemory memory(ram);
    ParavirtualClock clock({.tsc_khz = 1'000'000, .wall_clock_base = 0, .wall_clock_tsc = 0});
    EXPECT_FALSE(clock.write_system_time(0x1000 | 1, memory));
    EXPECT_TRUE(clock.write_system_time(0x1000, memory));
    EXPECT_FALSE(clock.write_wall_clock(4090, memory));
}

TEST(Clock, WallClockIsTheTimeOfDayAtCounterZero) {
    std::vector<u8> ram(4096);
    GuestMemory memory(ram);
    ParavirtualClock clock(
        {.tsc_khz = 1'000'000, .wall_clock_base = 1000, .wall_clock_tsc = 2'500'000'000});
    EXPECT_TRUE(clock.write_wall_clock(16, memory));
    EXPECT_EQ(memory.read<u32>(GuestPhys{20}), 997u);
    EXPECT_EQ(memory.read<u32>(GuestPhys{24}), 500'000'000u);
}

} // namespace
} // namespace vmm

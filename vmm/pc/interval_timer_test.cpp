// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/interval_timer.hpp"

#include "base/gtest.hpp"

namespace vmm {
namespace {

constexpr u64 tsc_khz = 1'193'182; // a thousand cycles for each tick
constexpr u8 open_gate = 1, output = 0x20;
constexpr u64 cycles(u64 ticks) { return ticks * 1000; }

struct Started {
    explicit Started(u8 control, u16 count = 1000) {
        timer.write_gate(open_gate, 0);
        timer.write_control(control, 0);
        timer.write_counter(static_cast<u8>(count), 0);
        timer.write_counter(static_cast<u8>(count >> 8), 0);
    }
    unsigned value(u64 now) {
        unsigned const low = timer.read_counter(now);
        return low | timer.read_counter(now) << 8;
    }
    bool out(u64 now) { return (timer.read_gate(now) & output) != 0; }
    IntervalTimer timer{tsc_khz};
};

// How memtest86+ and Linux measure the time-stamp counter.
TEST(IntervalTimer, RaisesItsOutputWhenTheCountIsOver) {
    Started once(0xb0);
    EXPECT_FALSE(once.out(cycles(1)));
    EXPECT_FALSE(once.out(cycles(1000)));
    EXPECT_TRUE(once.out(cycles(1001)));
    EXPECT_TRUE(once.out(cycles(100'000)));
    once.timer.write_control(0xb0, cycles(100'000));
    EXPECT_FALSE(once.out(cycles(200'000))) << "without a count";
}

TEST(IntervalTimer, CountsDownAndOnBehindZero) {
    Started once(0xb0);
    EXPECT_EQ(once.value(cycles(1)), 999u);
    EXPECT_EQ(once.value(cycles(1000)), 0u);
    EXPECT_EQ(once.value(cycles(1001)), 0xffffu);
}

TEST(IntervalTimer, StandsStillWhileTheGateIsClosed) {
    Started once(0xb0);
    once.timer.write_gate(0, cycles(10));
    EXPECT_EQ(once.value(cycles(500)), 990u);
    once.timer.write_gate(open_gate, cycles(500));
    EXPECT_EQ(once.value(cycles(510)), 980u);
}

TEST(IntervalTimer, KeepsALatchedValueUntilItIsRead) {
    Started once(0xb0);
    once.timer.write_control(0x80, cycles(100));
    once.timer.write_control(0x80, cycles(200));
    EXPECT_EQ(once.value(cycles(300)), 900u);
    EXPECT_EQ(once.value(cycles(300)), 700u);
}

TEST(IntervalTimer, RepeatsInItsPeriodicModes) {
    Started periodic(0xb4);
    EXPECT_EQ(periodic.value(cycles(1999)), 1u);
    EXPECT_FALSE(periodic.out(cycles(1999)));
    EXPECT_TRUE(periodic.out(cycles(2000)));
    Started square(0xb6);
    EXPECT_TRUE(square.out(cycles(1499)));
    EXPECT_FALSE(square.out(cycles(1500)));
    EXPECT_EQ(square.value(cycles(100)), 800u) << "two at a time";
}

TEST(IntervalTimer, TakesSingleBytesAndLeavesOtherChannelsAlone) {
    Started low(0x90, 0);
    low.timer.write_counter(100, 0);
    EXPECT_EQ(low.timer.read_counter(cycles(1)), 99u);
    low.timer.write_control(0x30, 0); // channel 0
    EXPECT_EQ(low.timer.read_counter(cycles(1)), 99u);
    low.timer.reset();
    EXPECT_EQ(low.timer.read_gate(cycles(100)), 0u);
}

TEST(IntervalTimer, ACountOf0IsTheLongest) {
    Started once(0xb0, 0);
    EXPECT_FALSE(once.out(cycles(0x10000)));
    EXPECT_TRUE(once.out(cycles(0x10001)));
}

} // namespace
} // namespace vmm

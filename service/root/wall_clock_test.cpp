// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/wall_clock.hpp"

#include <map>

namespace {
struct FakeCmos {
    std::map<u8, u8> registers;
    u8 index = 0;
    unsigned busy = 0; // readings during which an update is in progress
    u8 read8(u16 port) {
        EXPECT_EQ(port, cmos::data_port);
        if (index == 10) return busy > 0 ? (--busy, u8{0x80}) : u8{0};
        return registers[index];
    }
    void write8(u16 port, u8 value) {
        EXPECT_EQ(port, cmos::index_port);
        index = value;
    }
};
} // namespace

TEST(WallClock, ReadsBcdAndBinaryFormats) {
    FakeCmos bcd{{{11, 0x02}, {0, 0x59}, {2, 0x30}, {4, 0x23}, {7, 0x29}, {8, 0x02}, {9, 0x24}}};
    bcd.busy = 3;
    EXPECT_EQ(read_wall_clock(bcd), (DateTime{2024, 2, 29, 23, 30, 59}));
    FakeCmos binary{{{11, 0x04}, {0, 59}, {2, 30}, {4, 0x80 | 12}, {7, 29}, {8, 2}, {9, 24}}};
    EXPECT_EQ(read_wall_clock(binary), (DateTime{2024, 2, 29, 12, 30, 59}));
}

TEST(WallClock, CountsSecondsOverLeapYears) {
    EXPECT_EQ((DateTime{1970, 1, 1, 0, 0, 0}.seconds_since_1970()), 0u);
    EXPECT_EQ((DateTime{2000, 3, 1, 0, 0, 0}.seconds_since_1970()), 951868800u);
    EXPECT_EQ((DateTime{2024, 2, 29, 23, 30, 59}.seconds_since_1970()), 1709249459u);
}

TEST(WallClock, GivesUpOnNonsenseAndOnAClockThatIsNeverReady) {
    FakeCmos nonsense{{{11, 0x06}, {8, 99}}};
    EXPECT_FALSE(read_wall_clock(nonsense));
    FakeCmos never{};
    never.busy = ~0u;
    EXPECT_FALSE(read_wall_clock(never));
}

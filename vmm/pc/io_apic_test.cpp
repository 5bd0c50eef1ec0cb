// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/io_apic.hpp"

#include "base/gtest.hpp"

namespace vmm {
namespace {

void write_register(IoApic& apic, u32 index, u32 value) {
    apic.write(0, index);
    apic.write(0x10, value);
}
u32 read_register(IoApic& apic, u32 index) {
    apic.write(0, index);
    return apic.read(0x10);
}
constexpr u32 level_triggered = 1 << 15;
constexpr u32 remote_request = 1 << 14;

TEST(IoApic, SaysHowManyPinsItHas) {
    IoApic apic;
    EXPECT_EQ(read_register(apic, 1), (IoApic::pins - 1) << 16 | 0x11);
}

TEST(IoApic, MaskedPinsAreSilentAtFirst) {
    IoApic apic;
    EXPECT_FALSE(apic.set_line(4, true));
}

TEST(IoApic, AnEdgeMakesOneInterrupt) {
    IoApic apic;
    write_register(apic, 0x18, 0x34);
    EXPECT_EQ(apic.set_line(4, true), 0x34);
    EXPECT_FALSE(apic.set_line(4, true));
    apic.end_of_interrupt(0x34);
    EXPECT_FALSE(apic.pending());
    EXPECT_FALSE(apic.set_line(4, false));
    EXPECT_EQ(apic.set_line(4, true), 0x34);
}

TEST(IoApic, ALevelRaisesAgainAfterItsEndWhileTheLineIsHigh) {
    IoApic apic;
    write_register(apic, 0x18, 0x34 | level_triggered);
    EXPECT_TRUE(apic.is_level_triggered(0x34));
    EXPECT_EQ(apic.set_line(4, true), 0x34);
    EXPECT_EQ(read_register(apic, 0x18) & remote_request, remote_request);
    EXPECT_FALSE(apic.pending());
    apic.end_of_interrupt(0x34);
    EXPECT_EQ(apic.pending(), 0x34);
    apic.set_line(4, false);
    apic.end_of_interrupt(0x34);
    EXPECT_FALSE(apic.pending());
}

TEST(IoApic, OpeningALevelPinWhoseLineIsHighRaisesIt) {
    IoApic apic;
    EXPECT_FALSE(apic.set_line(4, true));
    write_register(apic, 0x18, 0x34 | level_triggered);
    EXPECT_EQ(apic.pending(), 0x34);
}

TEST(IoApic, EntriesKeepBothHalves) {
    IoApic apic;
    write_register(apic, 0x10, 0x10051);
    write_register(apic, 0x11, 0x7f000000);
    EXPECT_EQ(read_register(apic, 0x10), 0x10051u);
    EXPECT_EQ(read_register(apic, 0x11), 0x7f000000u);
}

TEST(IoApic, RegistersThatDoNotExistReadZero) {
    IoApic apic;
    write_register(apic, 0x10 + 2 * IoApic::pins, 0x55);
    EXPECT_EQ(read_register(apic, 0x10 + 2 * IoApic::pins), 0u);
    EXPECT_EQ(read_register(apic, 5), 0u);
    EXPECT_EQ(apic.read(0x20), 0u);
}

} // namespace
} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
#include "kernel/device/msr_permissions.hpp"

#include "base/gtest.hpp"

namespace {

constexpr auto map = msr_permissions::make();

unsigned bits(u32 msr) {
    u32 const bit = msr_permissions::bit_of(msr);
    return map[bit / 8] >> bit % 8 & 3u;
}

TEST(MsrPermissions, OnlyWhatVmloadSwitchesIsTheGuests) {
    unsigned open = 0;
    for (u32 base : {0u, 0xc0000000u, 0xc0010000u})
        for (u32 i = 0; i < 8192; ++i) open += bits(base + i) == 0;
    EXPECT_EQ(open, std::size(msr_permissions::passed_through));
    for (u32 const msr : msr_permissions::passed_through)
        EXPECT_EQ(bits(msr), 0u) << std::hex << msr;
    for (u32 const msr : {0x10u, 0x1bu, 0x277u, 0xc0000080u, 0xc0000103u, 0xc0010114u, 0xc0010117u})
        EXPECT_EQ(bits(msr), 3u) << std::hex << msr;
}

TEST(MsrPermissions, BitsAreWhereTheProcessorLooks) { // APM vol. 2, 15.11
    EXPECT_EQ(msr_permissions::bit_of(0x174), 0x174u * 2);
    EXPECT_EQ(msr_permissions::bit_of(0xc0000082), 0x800u * 8 + 0x82 * 2);
    EXPECT_EQ(msr_permissions::bit_of(0xc0010117), 0x1000u * 8 + 0x117 * 2);
}

} // namespace

// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/device_memory.hpp"

namespace {
struct Splits {
    u64 next = 100;
    std::optional<u64> operator()(u64, unsigned) { return std::exchange(next, next + 2); }
};
} // namespace

TEST(DeviceMemory, SplitsDownToThePageThatIsNamed) {
    DeviceMemory<64> devices;
    devices.add(7, 0xfed00000, 20);
    Splits splits;
    auto const split = [&](u64 slot, unsigned bits) { return splits(slot, bits); };
    EXPECT_EQ(devices.take(0xfed40000, 12, split), 115u - 1);
    EXPECT_TRUE(devices.take(0xfed41000, 12, split));
    EXPECT_FALSE(devices.take(0xfed40000, 12, split)) << "taken already";
    EXPECT_FALSE(devices.take(0xfee00000, 12, split)) << "not there";
    EXPECT_FALSE(devices.take(0xfed00000, 20, split)) << "a part of it is taken";
    EXPECT_TRUE(devices.take(0xfed80000, 19, split));
}

TEST(DeviceMemory, GivesUpWhenTheKernelOrTheTableRefuses) {
    DeviceMemory<64> devices;
    devices.add(7, 0, 20);
    EXPECT_FALSE(devices.take(0x1000, 12, [](u64, unsigned) { return std::optional<u64>(); }));
    DeviceMemory<3> small;
    small.add(7, 0, 20);
    Splits splits;
    EXPECT_FALSE(small.take(0, 12, [&](u64 slot, unsigned bits) { return splits(slot, bits); }));
}

TEST(DeviceMemory, CutsARegionIntoAlignedBlocks) {
    using Memory = DeviceMemory<1>;
    EXPECT_EQ(Memory::first_block(0xfed00000, 0x1000, 20), 12u);
    EXPECT_EQ(Memory::first_block(0xfed00000, 0x3000, 20), 13u);
    EXPECT_EQ(Memory::first_block(0xfed01000, 0x8000, 20), 12u);
    EXPECT_EQ(Memory::first_block(0xe0000000, 0x1000000, 20), 20u);
}

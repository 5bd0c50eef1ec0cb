// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/multiboot.hpp"

#include <gtest/gtest.h>

#include "kernel/machine/x86_64/fake_firmware.hpp"

namespace {

constexpr u32 magic1 = 0x2badb002, magic2 = 0x36d76289;
constexpr u64 information = 0x9000, map = 0x9100, modules = 0x9400;

struct MultibootTest : testing::Test {
    FakeFirmware firmware;
    Environment environment{};
    u32 map_bytes = 0;

    MultibootTest() {
        firmware.put<u32>(information, 1 | 1 << 3 | 1 << 6);
        firmware.put<u32>(information + 20, 1);
        firmware.put<u32>(information + 24, modules);
        firmware.put<u32>(information + 48, map);
        set_module(0x200000, 0x280000);
    }
    void set_module(u32 start, u32 end) {
        firmware.put<u32>(modules, start);
        firmware.put<u32>(modules + 4, end);
    }
    void add(u64 base, u64 length, u32 type) {
        firmware.put(map + map_bytes, LoaderMapEntry{20, base, length, type});
        map_bytes += sizeof(LoaderMapEntry);
        firmware.put(information + 44, map_bytes);
    }
    void read() { machine::read_loader_information(magic1, {information}, environment); }
    std::string failure() {
        try {
            read();
        } catch (Halted const& halted) {
            return halted.what();
        }
        return "";
    }
};

TEST_F(MultibootTest, TakesRamFromOneMebibyteOnAndPassesTheWholeMapOn) {
    add(0, 0x9fc00, 1);
    add(0x100000, 0x1fee0000, 1);
    add(0xfffc0000, 0x40000, 2);
    read();
    ASSERT_EQ(environment.ram.size(), 1u);
    EXPECT_EQ(environment.ram[0].start.value, 0x100000u);
    EXPECT_EQ(environment.ram[0].end.value, 0x1ffe0000u);
    EXPECT_EQ(environment.loader_map.size(), 3u);
    EXPECT_EQ(environment.root_module.start.value, 0x200000u);
    EXPECT_EQ(environment.root_module.end.value, 0x280000u);
}

TEST_F(MultibootTest, RoundsRamToPagesAndDropsWhatIsShorter) {
    add(0x100001, 0x300000, 1);
    add(0x500800, 0x1000, 1);
    read();
    ASSERT_EQ(environment.ram.size(), 1u);
    EXPECT_EQ(environment.ram[0].start.value, 0x101000u);
    EXPECT_EQ(environment.ram[0].end.value, 0x400000u);
}

TEST_F(MultibootTest, SortsRamAndCutsOverlaps) {
    add(0x400000, 0x100000, 1);
    add(0x100000, 0x380000, 1);
    read();
    ASSERT_EQ(environment.ram.size(), 2u);
    EXPECT_EQ(environment.ram[0].end.value, 0x480000u);
    EXPECT_EQ(environment.ram[1].start.value, 0x480000u);
    EXPECT_EQ(environment.ram[1].end.value, 0x500000u);
}

TEST_F(MultibootTest, DropsARangeInsideAnother) {
    add(0x100000, 0x800000, 1);
    add(0x300000, 0x100000, 1);
    read();
    ASSERT_EQ(environment.ram.size(), 1u);
    EXPECT_EQ(environment.ram[0].end.value, 0x900000u);
}

TEST_F(MultibootTest, CutsRamAtTheEndOfTheWindow) {
    add(0x100000, 0x10000000, 1);
    add(u64{63} << 30, ~u64{0}, 1);
    add(u64{65} << 30, 0x100000, 1);
    read();
    ASSERT_EQ(environment.ram.size(), 2u);
    EXPECT_EQ(environment.ram[1].end.value, u64{64} << 30);
}

TEST_F(MultibootTest, DoesWithoutAMapWhenThereIsNone) {
    firmware.put<u32>(information, 1 | 1 << 3);
    firmware.put<u32>(information + 8, 0x3fc00); // KiB above 1 MiB
    read();
    ASSERT_EQ(environment.ram.size(), 1u);
    EXPECT_EQ(environment.ram[0].end.value, 0x10000000u);
}

TEST_F(MultibootTest, SaysWhatIsMissing) {
    EXPECT_EQ(failure(), "tessera: the loader reported no RAM above 1 MiB\n");
}

TEST_F(MultibootTest, RefusesToStartWithoutARootTask) {
    add(0x100000, 0x1fee0000, 1);
    firmware.put<u32>(information + 20, 0);
    EXPECT_NE(failure().find("no root task: give an ELF file as the first boot module"), std::string::npos);
}

TEST_F(MultibootTest, RefusesARootTaskOutsideRamOrInTheKernel) {
    add(0x100000, 0x1fee0000, 1);
    set_module(0x30000000, 0x30001000);
    EXPECT_NE(failure().find("outside usable RAM"), std::string::npos);
    set_module(0x13f000, 0x150000);
    environment = {};
    EXPECT_NE(failure().find("in the kernel image"), std::string::npos);
}

TEST_F(MultibootTest, RefusesAnotherLoader) {
    EXPECT_THROW(machine::read_loader_information(1, {information}, environment), Halted);
}

TEST_F(MultibootTest, ReadsMultiboot2Tags) {
    constexpr u64 tags = 0xa000;
    firmware.put<u32>(tags, 8 + 24 + 40 + 8);
    firmware.put<u32>(tags + 8, 3); // module, 17 bytes
    firmware.put<u32>(tags + 12, 17);
    firmware.put<u32>(tags + 16, 0x200000);
    firmware.put<u32>(tags + 20, 0x280000);
    firmware.put<u32>(tags + 32, 6); // memory map with one entry
    firmware.put<u32>(tags + 36, 40);
    firmware.put<u32>(tags + 40, 24);
    firmware.put<u64>(tags + 48, 0x100000);
    firmware.put<u64>(tags + 56, 0x400000);
    firmware.put<u32>(tags + 64, 1);
    machine::read_loader_information(magic2, {tags}, environment);
    ASSERT_EQ(environment.ram.size(), 1u);
    EXPECT_EQ(environment.ram[0].end.value, 0x500000u);
    EXPECT_EQ(environment.root_module.end.value, 0x280000u);
}

TEST_F(MultibootTest, RefusesAMultiboot2TagThatLeavesTheInformation) {
    constexpr u64 tags = 0xa000;
    firmware.put<u32>(tags, 32);
    firmware.put<u32>(tags + 8, 6);
    firmware.put<u32>(tags + 12, 64);
    EXPECT_THROW(machine::read_loader_information(magic2, {tags}, environment), Halted);
}

} // namespace

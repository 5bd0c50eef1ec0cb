// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/boot_sector.hpp"

#include "base/gtest.hpp"
#include "vmm/pc/memory_map.hpp"

namespace vmm {
namespace {

std::vector<u8> sectors(u64 bytes) {
    std::vector<u8> file(bytes, 0x90);
    file[510] = 0x55;
    file[511] = 0xaa;
    return file;
}

std::string error_of(std::vector<u8> const& file) {
    auto const image = BootSector::check(file);
    return image ? "" : image.error().text;
}

TEST(BootSector, NamesWhatIsWrongWithAFile) {
    EXPECT_EQ(error_of(sectors(512)), "");
    EXPECT_EQ(error_of(sectors(32768)), "");
    constexpr char const* none = "is no boot sector: 55 aa do not stand at its byte 510";
    EXPECT_EQ(error_of({}), none);
    EXPECT_EQ(error_of(std::vector<u8>(511)), none);
    EXPECT_EQ(error_of(std::vector<u8>(512)), none);
    EXPECT_EQ(error_of(sectors(32769)),
              "has 32769 bytes; a boot sector and what follows it are at most 32768");
}

TEST(BootSector, StartsInRealModeWithItsSectorsInMemory) {
    std::vector<u8> ram(2 * mebibyte);
    GuestMemory const memory(ram);
    auto const file = sectors(1536);
    auto const entry = load_boot_sector(memory, *BootSector::check(file));
    EXPECT_EQ(entry.code.base + entry.core.rip, 0x7c00u);
    EXPECT_EQ(entry.code.selector, 0);
    EXPECT_EQ(entry.cr0 & 1, 0u);
    EXPECT_EQ(entry.core.rflags & 0x200, 0u);
    EXPECT_EQ(entry.core.registers.value[2], 0x80u);
    EXPECT_TRUE(std::equal(file.begin(), file.end(), ram.begin() + 0x7c00));
    for (u64 vector = 0; vector < 256; ++vector) {
        u32 const pointer = *memory.read<u32>(GuestPhys{vector * 4});
        EXPECT_EQ(ram[(pointer >> 16) * 16 + (pointer & 0xffff)], 0xcf) << vector;
    }
    EXPECT_EQ(ram[0x400], 0) << "behind the vectors";
}

} // namespace
} // namespace vmm

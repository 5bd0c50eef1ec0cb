// SPDX-License-Identifier: Apache-2.0
// With TESSERA_BZIMAGE=FILE the last test loads a real kernel as well.
#include "vmm/pc/linux_boot.hpp"

#include "base/gtest.hpp"
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "vmm/pc/memory_map.hpp"
#include "vmm/pc/tiny_kernel.hpp"

namespace vmm {
namespace {

std::string error_of(std::vector<u8> const& file) {
    auto const image = BzImage::check(file);
    return image ? "" : image.error().text;
}

struct Loaded {
    explicit Loaded(u64 size) : ram(size), memory(ram) {}
    std::expected<GuestEntry, BootError> load(std::vector<u8> const& initramfs,
                                              std::string_view line) {
        return load_linux(memory, *BzImage::check(kernel), initramfs, line);
    }
    std::vector<u8> kernel = tiny_kernel();
    std::vector<u8> ram;
    GuestMemory memory;
};

TEST(BzImage, NamesWhatIsWrongWithAFile) {
    EXPECT_EQ(error_of(tiny_kernel()), "");
    EXPECT_NE(error_of({}).find("is no bzImage"), std::string::npos);
    EXPECT_NE(error_of(std::vector<u8>(4096, 0x7f)).find("is no bzImage"), std::string::npos);
    auto file = tiny_kernel();
    file.erase(file.end() - 15, file.end()); // within the last paragraph, as memtest86+ ends
    EXPECT_EQ(error_of(file), "");
    file.pop_back();
    EXPECT_NE(error_of(file).find("is truncated: its header promises 5120 bytes, it has 5104"),
              std::string::npos);
    file = tiny_kernel();
    set<u16>(file, 0x206, 0x020b);
    EXPECT_NE(error_of(file).find("before 2.12"), std::string::npos);
    file = tiny_kernel();
    set<u8>(file, 0x211, 0);
    EXPECT_NE(error_of(file).find("loaded below 1 MiB"), std::string::npos);
}

TEST(LinuxBoot, PutsKernelInitramfsAndCommandLineWhereTheHeaderSays) {
    Loaded world(64 * mebibyte);
    auto const entry = world.load(std::vector<u8>(5000, 0x42), "console=ttyS0");
    ASSERT_TRUE(entry) << entry.error().text;
    EXPECT_EQ(entry->core.rip, 16 * mebibyte + 0x200);
    EXPECT_EQ(entry->core.registers.value[6], boot_params_at.value);
    EXPECT_EQ(world.memory.read<u64>(GuestPhys{16 * mebibyte}), 0x1234567890abcdef);
    u64 const initramfs = *world.memory.read<u32>(boot_params_at + 0x218);
    EXPECT_EQ(initramfs, 64 * mebibyte - 8192);
    EXPECT_EQ(world.memory.read<u32>(boot_params_at + 0x21c), 5000u);
    EXPECT_EQ(world.memory.read<u8>(GuestPhys{initramfs + 4999}), 0x42);
    u64 const line = *world.memory.read<u32>(boot_params_at + 0x228);
    EXPECT_STREQ(reinterpret_cast<char const*>(world.memory.bytes(GuestPhys{line}, 100).data()),
                 "console=ttyS0");
    EXPECT_EQ(world.memory.read<u32>(boot_params_at + 0x202), 0x53726448u);
    EXPECT_EQ(
        std::memcmp(
            world.memory.bytes(GuestPhys{*world.memory.read<u64>(boot_params_at + 0x70)}, 8).data(),
            "RSD PTR ", 8),
        0);
}

TEST(LinuxBoot, AKernelWithoutA64BitEntryStartsIn32BitModeWithoutPaging) {
    Loaded world(64 * mebibyte);
    set<u16>(world.kernel, 0x236, 0);
    auto const entry = world.load({}, "");
    ASSERT_TRUE(entry) << entry.error().text;
    EXPECT_EQ(entry->code.access_rights, 0xc09bu);
    EXPECT_EQ(entry->core.rip, 16 * mebibyte);
    EXPECT_EQ(entry->cr3, 0u);
    EXPECT_EQ(world.memory.read<u64>(GuestPhys{entry->gdtr.base + entry->code.selector}),
              0x00cf9b000000ffffu);
}

TEST(LinuxBoot, PageTablesMapTheFirstFourGibibytesOntoThemselves) {
    Loaded world(64 * mebibyte);
    auto const entry = world.load({}, "");
    ASSERT_TRUE(entry);
    for (u64 address : {u64{0}, u64{0x1234567}, u64{0xfec00000}}) {
        u64 const pml4e = *world.memory.read<u64>(GuestPhys{entry->cr3});
        u64 const pdpte =
            *world.memory.read<u64>(GuestPhys{(pml4e & ~u64{0xfff}) + (address >> 30) * 8});
        u64 const pde =
            *world.memory.read<u64>(GuestPhys{(pdpte & ~u64{0xfff}) + (address >> 21 & 511) * 8});
        EXPECT_EQ(pde, (address & ~u64{0x1fffff}) | 0x87);
    }
}

TEST(LinuxBoot, TheFirmwaresFirstInstructionsResetTheMachine) {
    Loaded world(64 * mebibyte);
    ASSERT_TRUE(world.load({}, ""));
    auto const code = world.memory.bytes(reset_vector_at, 7);
    EXPECT_EQ(std::vector<u8>(code.begin(), code.end()),
              (std::vector<u8>{0xb0, 0x01, 0xba, 0x02, 0x06, 0xee, 0xf4}));
}

TEST(LinuxBoot, MemoryMapCoversLowMemoryWithoutGapsOrOverlaps) {
    u64 next = 0;
    u64 ram = 0;
    for (E820Entry const& entry : memory_map(64 * mebibyte)) {
        EXPECT_EQ(entry.address, next);
        next = entry.address + entry.size;
        if (entry.type == 1) ram += entry.size;
    }
    EXPECT_EQ(next, 64 * mebibyte);
    EXPECT_EQ(ram, 64 * mebibyte - (high_ram.value - low_ram_end.value));
}

TEST(LinuxBoot, RefusesWhatDoesNotFitAndSaysWhatWould) {
    Loaded world(32 * mebibyte);
    auto const big = world.load(std::vector<u8>(9 * mebibyte), "");
    ASSERT_FALSE(big);
    EXPECT_EQ(big.error().text, "the initramfs (9 MiB) does not fit into the VM's memory (32 MiB, "
                                "of which the kernel needs "
                                "24 MiB); raise the VM's memory to at least 34 MiB");
    auto const line = world.load({}, std::string(101, 'x'));
    ASSERT_FALSE(line);
    EXPECT_NE(line.error().text.find("101 bytes long, the kernel takes 100"), std::string::npos);
    set<u32>(world.kernel, 0x260, 17 * mebibyte);
    auto const kernel = world.load({}, "");
    ASSERT_FALSE(kernel);
    EXPECT_NE(kernel.error().text.find("is too small for the kernel, which needs 33 MiB"),
              std::string::npos);
}

TEST(LinuxBoot, LoadsARealKernel) {
    char const* const name = std::getenv("TESSERA_BZIMAGE");
    std::ifstream in(name ? name : "", std::ios::binary);
    if (!in) GTEST_SKIP() << "TESSERA_BZIMAGE names no kernel";
    std::vector<u8> const file{std::istreambuf_iterator<char>(in), {}};
    auto const image = BzImage::check(file);
    ASSERT_TRUE(image) << image.error().text;
    std::vector<u8> ram(256 * mebibyte);
    GuestMemory memory(ram);
    auto const entry = load_linux(memory, *image, {}, "quiet");
    ASSERT_TRUE(entry) << entry.error().text;
    EXPECT_EQ(entry->core.rip, 0x1000200u);
}

} // namespace
} // namespace vmm

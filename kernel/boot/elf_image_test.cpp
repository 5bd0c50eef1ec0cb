// SPDX-License-Identifier: Apache-2.0
#include "kernel/boot/elf_image.hpp"

#include "base/gtest.hpp"

#include <cstring>

#include "kernel/testing/hand_made_elf.hpp"

namespace {

BadImage refused(HandMadeElf const& elf) {
    auto const file = elf.file();
    auto const image = ElfImage::check(file.data(), file.size());
    EXPECT_FALSE(image);
    EXPECT_STRNE(text_of(image.error()), "");
    return image.error();
}

} // namespace

TEST(ElfImage, KnowsWhereItGoes) {
    HandMadeElf elf;
    elf.segments = {{1, 0x400000, 0x1800, {1, 2, 3}}, {1, 0x403010, 0x10, {4}}, {4, 0x1, 0x20, {}}, {1, 0x9000, 0, {}}};
    elf.entry = 0x403ff8;
    auto const file = elf.file();
    auto const image = ElfImage::check(file.data(), file.size());
    ASSERT_TRUE(image);
    EXPECT_EQ(image->start(), 0x400000u);
    EXPECT_EQ(image->end(), 0x404000u);
    EXPECT_EQ(image->entry(), 0x403ff8u);
    std::vector<std::byte> memory(0x4000);
    image->load(memory.data());
    EXPECT_EQ(memory[2], std::byte{3});
    EXPECT_EQ(memory[3], std::byte{});
    EXPECT_EQ(memory[0x3010], std::byte{4});
}

TEST(ElfImage, RefusesWhatIsNoElf64File) {
    std::vector<std::byte> const nothing(10);
    EXPECT_EQ(ElfImage::check(nothing.data(), nothing.size()).error(), BadImage::too_short);
    for (unsigned const byte : {0u, 1u, 2u, 3u, 4u, 5u, 18u}) {
        auto file = HandMadeElf{}.file();
        file[byte] ^= std::byte{3};
        EXPECT_EQ(ElfImage::check(file.data(), file.size()).error(), BadImage::not_elf64_x86_64) << byte;
    }
}

TEST(ElfImage, RefusesProgramHeadersOutsideTheFile) {
    auto file = HandMadeElf{}.file();
    u64 const far = file.size() - 55;
    std::memcpy(&file[32], &far, 8);
    EXPECT_EQ(ElfImage::check(file.data(), file.size()).error(), BadImage::bad_program_headers);
    HandMadeElf nothing_to_load;
    nothing_to_load.segments = {{2, 0x400000, 0x1000, {}}};
    EXPECT_EQ(refused(nothing_to_load), BadImage::bad_program_headers);
    auto sized = HandMadeElf{}.file();
    sized[54] = std::byte{55};
    EXPECT_EQ(ElfImage::check(sized.data(), sized.size()).error(), BadImage::bad_program_headers);
}

TEST(ElfImage, RefusesBadSegments) {
    HandMadeElf elf;
    elf.segments[0].memory_size = 0; // less than the file's part: not loaded at all
    EXPECT_EQ(refused(elf), BadImage::bad_program_headers);
    elf.segments[0].memory_size = 1;
    EXPECT_EQ(refused(elf), BadImage::bad_segment);
    elf.segments[0] = {1, 0x00007ffffffff000, 0x1000, {}};
    EXPECT_EQ(refused(elf), BadImage::bad_segment);
    elf.segments[0] = {1, 0x400000, ~u64{0}, {}};
    EXPECT_EQ(refused(elf), BadImage::bad_segment);
    auto cut = HandMadeElf{}.file();
    EXPECT_EQ(ElfImage::check(cut.data(), cut.size() - 1).error(), BadImage::bad_segment);
}

TEST(ElfImage, RefusesBadPlacesAndEntries) {
    HandMadeElf elf;
    elf.segments[0].address = 0x400010;
    EXPECT_EQ(refused(elf), BadImage::not_page_aligned);
    elf.segments[0].address = 0x400000;
    elf.entry = 0x3fffff;
    EXPECT_EQ(refused(elf), BadImage::bad_entry);
    elf.entry = 0x402000;
    EXPECT_EQ(refused(elf), BadImage::bad_entry);
}

// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/elf.hpp"

#include <cstring>
#include <elf.h>
#include <vector>

namespace {

struct Sample {
    Elf64_Ehdr header{};
    Elf64_Phdr segments[3]{};
    Sample() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_entry = 0x1234;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 3;
        segments[0] = {.p_type = PT_LOAD,
                       .p_flags = PF_R | PF_X,
                       .p_offset = 0,
                       .p_vaddr = 0x1000,
                       .p_paddr = 0,
                       .p_filesz = 100,
                       .p_memsz = 100,
                       .p_align = 4096};
        segments[1] = {.p_type = PT_LOAD,
                       .p_flags = PF_R | PF_W,
                       .p_offset = 64,
                       .p_vaddr = 0x2000,
                       .p_paddr = 0,
                       .p_filesz = 10,
                       .p_memsz = 5000,
                       .p_align = 4096};
        segments[2] = {.p_type = PT_GNU_STACK,
                       .p_flags = PF_R | PF_W,
                       .p_offset = 0,
                       .p_vaddr = 0,
                       .p_paddr = 0,
                       .p_filesz = 0,
                       .p_memsz = 0,
                       .p_align = 16};
    }
    std::string error() const {
        auto const image = ElfImage::read(std::as_bytes(std::span(this, 1)));
        return image ? "" : image.error();
    }
};

} // namespace

TEST(ElfImage, ListsTheSegmentsToLoad) {
    Sample const sample;
    auto const image = ElfImage::read(std::as_bytes(std::span(&sample, 1)));
    ASSERT_TRUE(image.has_value());
    EXPECT_EQ(image->entry, 0x1234u);
    ASSERT_EQ(image->segments.size(), 2u);
    EXPECT_TRUE(image->segments[0].executable && !image->segments[0].writable);
    EXPECT_TRUE(image->segments[1].writable && !image->segments[1].executable);
    EXPECT_EQ(image->segments[1].memory_size, 5000u);
}

TEST(ElfImage, RefusesWhatItCannotLoad) {
    Sample sample;
    sample.header.e_ident[EI_CLASS] = ELFCLASS32;
    EXPECT_EQ(sample.error(), "is not an ELF64 program for x86-64");
    sample = {};
    sample.header.e_type = ET_DYN;
    EXPECT_EQ(sample.error(), "is not a static program at fixed addresses");
    sample = {};
    sample.header.e_phnum = 100;
    EXPECT_EQ(sample.error(), "is truncated");
    sample = {};
    sample.segments[0].p_filesz = sample.segments[0].p_memsz = 10000;
    EXPECT_EQ(sample.error(), "is truncated");
    sample = {};
    sample.segments[1].p_filesz = 6000;
    EXPECT_EQ(sample.error(), "is truncated");
    sample = {};
    sample.segments[0].p_offset = ~u64{0};
    EXPECT_EQ(sample.error(), "is truncated");
    EXPECT_FALSE(ElfImage::read({}).has_value());
}

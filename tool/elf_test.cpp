// SPDX-License-Identifier: Apache-2.0
#include "tool/elf.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>

namespace {

// Header, two program headers, one loaded page at file offset 4096, then 100 bytes that nothing loads.
struct TestElf {
    Elf64_Ehdr header{};
    Elf64_Phdr load{}, other{};
    Bytes bytes;

    TestElf() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_entry = 0x400010;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 2;
        header.e_shoff = 8192;
        header.e_shnum = 1;
        load = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 4096, .p_vaddr = 0x400000, .p_paddr = 0x400000,
                .p_filesz = 4096, .p_memsz = 5000, .p_align = 4096};
        other = {.p_type = PT_GNU_STACK, .p_flags = PF_R, .p_offset = 0, .p_vaddr = 0, .p_paddr = 0, .p_filesz = 0, .p_memsz = 0, .p_align = 16};
    }
    std::span<u8 const> file() {
        bytes.assign(8192 + 100, 0xcc);
        std::memcpy(bytes.data(), &header, sizeof header);
        std::memcpy(bytes.data() + sizeof header, &load, sizeof load);
        std::memcpy(bytes.data() + sizeof header + sizeof load, &other, sizeof other);
        return bytes;
    }
};

std::string flaw(std::span<u8 const> bytes) {
    auto const result = CheckedElf::check(bytes);
    return result ? "" : result.error().what;
}

template <class T> T load_at(Bytes const& bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

} // namespace

TEST(Elf, AStaticProgramIsAccepted) {
    TestElf elf;
    auto const program = CheckedElf::check(elf.file());
    ASSERT_TRUE(program);
    EXPECT_EQ(program->memory_size(), 8192U);
}

TEST(Elf, EachFlawIsNamed) {
    EXPECT_EQ(flaw({}), "is no ELF file");
    TestElf elf;
    elf.header.e_ident[EI_CLASS] = ELFCLASS32;
    EXPECT_EQ(flaw(elf.file()), "is not a 64-bit little-endian ELF file");
    elf = {};
    elf.header.e_machine = EM_AARCH64;
    EXPECT_EQ(flaw(elf.file()), "is for another processor (ELF machine 183)");
    elf = {};
    elf.header.e_type = ET_DYN;
    EXPECT_EQ(flaw(elf.file()), "is a position-independent or shared ELF file");
    elf = {};
    elf.header.e_type = ET_REL;
    EXPECT_EQ(flaw(elf.file()), "is an ELF file but no executable");
    elf = {};
    elf.other.p_type = PT_INTERP;
    EXPECT_EQ(flaw(elf.file()), "is dynamically linked");
    elf = {};
    elf.load.p_type = PT_NULL;
    EXPECT_EQ(flaw(elf.file()), "has nothing to load");
    elf = {};
    elf.other = elf.load;
    EXPECT_EQ(flaw(elf.file()), "has overlapping segments at address 0x400000");
    elf = {};
    elf.load.p_memsz = 100;
    EXPECT_EQ(flaw(elf.file()), "has a malformed segment at address 0x400000");
}

TEST(Elf, NumbersThatWrapAroundAreNotBelieved) {
    TestElf elf;
    elf.load.p_offset = ~u64{0} - 4095;
    EXPECT_TRUE(flaw(elf.file()).starts_with("is truncated"));
    elf = {};
    elf.load.p_memsz = ~u64{0} - 4096;
    EXPECT_EQ(flaw(elf.file()), "has a malformed segment at address 0x400000");
    elf = {};
    elf.header.e_phoff = ~u64{0} - 8;
    EXPECT_EQ(flaw(elf.file()), "is truncated inside its program headers");
}

TEST(Elf, EveryTruncationIsNoticed) {
    TestElf elf;
    auto const file = elf.file();
    for (std::size_t size = 0; size < 8192; size += 7) EXPECT_NE(flaw(file.first(size)), "") << size;
    EXPECT_EQ(flaw(file.first(8192)), "");
}

TEST(Elf, StrippingKeepsWhatIsLoadedWhereItIs) {
    TestElf elf;
    auto const file = elf.file();
    auto const stripped = CheckedElf::check(file)->stripped();
    ASSERT_EQ(stripped.size(), 8192U);
    EXPECT_TRUE(std::equal(stripped.begin() + sizeof(Elf64_Ehdr), stripped.end(), file.begin() + sizeof(Elf64_Ehdr)));
    EXPECT_EQ(load_at<Elf64_Ehdr>(stripped, 0).e_shoff, 0U);
    EXPECT_EQ(flaw(stripped), "");
}

TEST(Elf, AnAddedSegmentIsTheLastAndTheOthersKeepTheirContents) {
    TestElf elf;
    Bytes const data(5000, 0xab);
    auto const result = CheckedElf::check(elf.file())->with_segment(0x10000000, data);
    ASSERT_TRUE(result);
    ASSERT_EQ(flaw(*result), "");
    auto const header = load_at<Elf64_Ehdr>(*result, 0);
    EXPECT_EQ(header.e_entry, 0x400010U);
    ASSERT_EQ(header.e_phnum, 2); // the stack note is gone
    auto const first = load_at<Elf64_Phdr>(*result, header.e_phoff);
    auto const second = load_at<Elf64_Phdr>(*result, header.e_phoff + sizeof(Elf64_Phdr));
    EXPECT_EQ(first.p_vaddr, 0x400000U);
    EXPECT_EQ((*result)[first.p_offset], 0xcc);
    EXPECT_EQ(second.p_vaddr, 0x10000000U);
    EXPECT_EQ(second.p_flags, u32{PF_R});
    EXPECT_TRUE(std::equal(data.begin(), data.end(), result->begin() + static_cast<std::ptrdiff_t>(second.p_offset)));
}

TEST(Elf, ASegmentCannotBeAddedOverAnother) {
    TestElf elf;
    EXPECT_FALSE(CheckedElf::check(elf.file())->with_segment(0x401000, Bytes(1)));
}

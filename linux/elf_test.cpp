// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "linux/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace libos {
namespace {

constexpr u64 lowest = 0x1000, highest = 0x100000000;

struct File { // a program of two segments: code with the headers in it, data with zeroes behind
    Elf64_Ehdr header{};
    Elf64_Phdr segments[3]{};
    u8 contents[256]{};

    File() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_machine = EM_X86_64;
        header.e_type = ET_EXEC;
        header.e_entry = 0x400100;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 3;
        segments[0] = {PT_LOAD, PF_R | PF_X, 0, 0x400000, 0, sizeof(File), sizeof(File), 0x1000};
        segments[1] = {PT_LOAD, PF_R | PF_W, 300, 0x402012, 0, 100, 5000, 0x1000};
        segments[2] = {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16};
    }
    std::expected<Program, char const*> read(std::size_t size = sizeof(File)) const {
        std::vector<u8> bytes(size); // of its own, so that reading too far is seen
        std::copy_n(reinterpret_cast<u8 const*>(this), size, bytes.begin());
        return read_program(bytes, lowest, highest);
    }
};

TEST(Elf, DescribesAStaticProgram) {
    auto const program = File().read();
    ASSERT_TRUE(program) << program.error();
    EXPECT_EQ(program->entry, 0x400100u);
    EXPECT_EQ(program->headers, 0x400000u + sizeof(Elf64_Ehdr));
    EXPECT_EQ(program->header_count, 3u);
    EXPECT_EQ(program->end, 0x402012u + 5000);
    ASSERT_EQ(program->segments.size(), 2u);
    EXPECT_EQ(program->segments[0].protection, 5);
    EXPECT_EQ(program->segments[1].protection, 3);
    EXPECT_EQ(program->segments[1].file_offset, 300u);
}

// What breaks the file, and what is said then.
struct BadFile {
    void (*damage)(File&);
    char const* message;
};
constexpr BadFile bad_files[] = {
    {[](File& f) { f.header.e_ident[0] = 'E'; }, "it is not an ELF file"},
    {[](File& f) { f.header.e_ident[EI_CLASS] = ELFCLASS32; }, "it is not for x86-64"},
    {[](File& f) { f.header.e_machine = EM_AARCH64; }, "it is not for x86-64"},
    {[](File& f) { f.header.e_type = ET_DYN; },
     "it is not a static program at a fixed address (link it with -static -no-pie)"},
    {[](File& f) { f.header.e_phnum = 0; }, "it has no program headers"},
    {[](File& f) { f.header.e_phentsize = 32; }, "it has no program headers"},
    {[](File& f) { f.header.e_phoff = ~u64{0}; },
     "its program headers lie behind the end of the file"},
    {[](File& f) { f.header.e_phnum = 60000; },
     "its program headers lie behind the end of the file"},
    {[](File& f) { f.segments[2].p_type = PT_INTERP; },
     "it needs a dynamic linker (link it with -static)"},
    {[](File& f) { f.segments[1].p_filesz = 5001; },
     "a segment is larger in the file than in memory"},
    {[](File& f) { f.segments[1].p_offset = ~u64{0}; },
     "a segment lies behind the end of the file"},
    {[](File& f) { f.segments[1].p_offset = sizeof(File) - 99; },
     "a segment lies behind the end of the file"},
    {[](File& f) { f.segments[1].p_vaddr = 0; },
     "a segment lies outside the addresses for programs"},
    {[](File& f) { f.segments[1].p_memsz = ~u64{0}; },
     "a segment lies outside the addresses for programs"},
    {[](File& f) { f.segments[1].p_vaddr = highest - 10; },
     "a segment lies outside the addresses for programs"},
    {[](File& f) { f.segments[1].p_vaddr = 0x400800; }, "two segments share a page"},
    {[](File& f) { f.header.e_entry = 0x402100; }, "its entry point is not in executable memory"},
    {[](File& f) { f.header.e_entry = 0; }, "its entry point is not in executable memory"},
};

TEST(Elf, SaysWhatIsWrongWithABadFile) {
    for (BadFile const& bad : bad_files) {
        File file;
        bad.damage(file);
        auto const program = file.read();
        ASSERT_FALSE(program) << bad.message;
        EXPECT_STREQ(program.error(), bad.message);
    }
}

TEST(Elf, RefusesEveryTruncation) {
    for (std::size_t size = 0; size < sizeof(File); ++size) EXPECT_FALSE(File().read(size)) << size;
}

} // namespace
} // namespace libos

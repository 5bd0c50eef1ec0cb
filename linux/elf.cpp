// SPDX-License-Identifier: Apache-2.0
#include "linux/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace libos {
namespace {

std::expected<Segment, char const*> read_segment(Elf64_Phdr const& header, u64 file_size,
                                                 u64 lowest, u64 highest) {
    if (header.p_filesz > header.p_memsz)
        return fail("a segment is larger in the file than in memory");
    if (header.p_offset > file_size || header.p_filesz > file_size - header.p_offset)
        return fail("a segment lies behind the end of the file");
    if (header.p_vaddr < lowest || header.p_vaddr > highest ||
        header.p_memsz > highest - header.p_vaddr)
        return fail("a segment lies outside the addresses for programs");
    u8 const protection = static_cast<u8>(((header.p_flags & PF_R) != 0 ? 1 : 0) |
                                          ((header.p_flags & PF_W) != 0 ? 2 : 0) |
                                          ((header.p_flags & PF_X) != 0 ? 4 : 0));
    return Segment{header.p_vaddr, header.p_memsz, header.p_offset, header.p_filesz, protection};
}

bool share_a_page(Segment const& a, Segment const& b) {
    return a.address >> 12 <= (b.address + b.memory_size - 1) >> 12 &&
           b.address >> 12 <= (a.address + a.memory_size - 1) >> 12;
}

std::expected<Elf64_Ehdr, char const*> read_header(std::span<u8 const> file) {
    Elf64_Ehdr header;
    if (file.size() < sizeof header) return fail("it is too short for an ELF file");
    std::memcpy(&header, file.data(), sizeof header);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return fail("it is not an ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
        return fail("it is not for x86-64");
    if (header.e_type != ET_EXEC)
        return fail("it is not a static program at a fixed address (link it with -static -no-pie)");
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0)
        return fail("it has no program headers");
    if (header.e_phoff > file.size() ||
        header.e_phnum * sizeof(Elf64_Phdr) > file.size() - header.e_phoff)
        return fail("its program headers lie behind the end of the file");
    return header;
}

} // namespace

std::expected<Program, char const*> read_program(std::span<u8 const> file, u64 lowest,
                                                 u64 highest) {
    Elf64_Ehdr const header = TRY(read_header(file));
    Program program{.entry = header.e_entry,
                    .headers = 0,
                    .header_count = header.e_phnum,
                    .end = 0,
                    .segments = {}};
    bool entry_found = false;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment_header;
        std::memcpy(&segment_header, file.data() + header.e_phoff + i * sizeof segment_header,
                    sizeof segment_header);
        if (segment_header.p_type == PT_INTERP)
            return fail("it needs a dynamic linker (link it with -static)");
        if (segment_header.p_type != PT_LOAD || segment_header.p_memsz == 0) continue;
        Segment const segment = TRY(read_segment(segment_header, file.size(), lowest, highest));
        for (Segment const& other : program.segments)
            if (share_a_page(segment, other)) return fail("two segments share a page");
        if (!program.segments.push(segment)) return fail("it has more than 16 segments");
        program.end = std::max(program.end, segment.address + segment.memory_size);
        entry_found |=
            (segment.protection & 4) != 0 && header.e_entry - segment.address < segment.memory_size;
        u64 const headers_size = header.e_phnum * sizeof(Elf64_Phdr);
        if (header.e_phoff >= segment.file_offset &&
            header.e_phoff + headers_size <= segment.file_offset + segment.file_size)
            program.headers = segment.address + (header.e_phoff - segment.file_offset);
    }
    if (!entry_found) return fail("its entry point is not in executable memory");
    return program;
}

} // namespace libos

// SPDX-License-Identifier: Apache-2.0
#include "service/root/elf.hpp"

namespace {

struct FileHeader {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, program_headers, section_headers;
    u32 flags;
    u16 header_size, program_header_size, program_header_count, section_header_size,
        section_header_count, names;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
    u32 type, flags;
    u64 offset, address, physical, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr u16 type_executable = 2;
constexpr u16 machine_x86_64 = 62;
constexpr u32 segment_load = 1;
using FlagExecute = Bits<0>;
using FlagWrite = Bits<1>;

} // namespace

std::expected<ElfImage, char const*> ElfImage::read(std::span<std::byte const> file) {
    if (file.size() < sizeof(FileHeader)) return fail("is not an ELF64 program for x86-64");
    auto const& header = *reinterpret_cast<FileHeader const*>(file.data());
    bool const magic = header.ident[0] == 0x7f && header.ident[1] == 'E' &&
                       header.ident[2] == 'L' && header.ident[3] == 'F' && header.ident[4] == 2;
    if (!magic || header.machine != machine_x86_64)
        return fail("is not an ELF64 program for x86-64");
    if (header.type != type_executable) return fail("is not a static program at fixed addresses");
    if (header.program_header_size != sizeof(ProgramHeader) || header.program_headers % 8 != 0 ||
        header.program_headers > file.size() ||
        header.program_header_count >
            (file.size() - header.program_headers) / sizeof(ProgramHeader))
        return fail("is truncated");

    ElfImage image{.entry = header.entry, .segments = {}};
    auto const* headers =
        reinterpret_cast<ProgramHeader const*>(file.data() + header.program_headers);
    for (unsigned i = 0; i < header.program_header_count; ++i) {
        auto const& segment = headers[i];
        if (segment.type != segment_load || segment.memory_size == 0) continue;
        if (segment.offset > file.size() || segment.file_size > file.size() - segment.offset ||
            segment.file_size > segment.memory_size)
            return fail("is truncated");
        bool const pushed = image.segments.push(
            {segment.address, segment.memory_size, segment.file_size, segment.offset,
             FlagWrite::get(segment.flags) != 0, FlagExecute::get(segment.flags) != 0});
        if (!pushed) return fail("has too many segments");
    }
    return image;
}

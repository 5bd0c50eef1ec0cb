// SPDX-License-Identifier: Apache-2.0
#include "kernel/boot/elf_image.hpp"

#include "abi/profile.hpp"

namespace {

struct FileHeader { // System V ABI, chapter 4
    u8 identification[16];
    u16 type, machine;
    u32 version;
    u64 entry, program_headers, section_headers;
    u32 flags;
    u16 header_size, program_header_size, program_header_count;
    u16 section_header_size, section_header_count, section_names;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
    u32 type, flags;
    u64 offset, address, physical, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr u32 load_segment = 1;
constexpr u16 machine_x86_64 = 62;
constexpr u64 page = u64{1} << abi::size_bits::small_page;

template <class T> T read(std::byte const* from) {
    T value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

} // namespace

char const* text_of(BadImage reason) {
    switch (reason) {
    case BadImage::too_short: return "it is shorter than an ELF header";
    case BadImage::not_elf64_x86_64: return "it is no ELF64 file for x86-64";
    case BadImage::bad_program_headers: return "its program headers lie outside the file, or none is to be loaded";
    case BadImage::bad_segment: return "a segment lies outside the file or the user's address space";
    case BadImage::not_page_aligned: return "its lowest address is no multiple of 4096";
    case BadImage::bad_entry: return "its entry point lies outside the image";
    }
    return "";
}

template <class Visit> std::expected<void, BadImage> ElfImage::for_each_segment(Visit visit) const {
    auto const header = read<FileHeader>(file_);
    for (u64 i = 0; i < header.program_header_count; ++i) {
        auto const segment = read<ProgramHeader>(file_ + header.program_headers + i * sizeof(ProgramHeader));
        if (segment.type != load_segment || segment.memory_size == 0) continue;
        TRY(visit(segment));
    }
    return {};
}

std::expected<ElfImage, BadImage> ElfImage::check(std::byte const* file, u64 size) {
    if (size < sizeof(FileHeader)) return fail(BadImage::too_short);
    auto const header = read<FileHeader>(file);
    u8 const* const id = header.identification;
    bool const elf64 = id[0] == 0x7f && id[1] == 'E' && id[2] == 'L' && id[3] == 'F' && id[4] == 2 && id[5] == 1;
    if (!elf64 || header.machine != machine_x86_64) return fail(BadImage::not_elf64_x86_64);
    u64 const table = u64{header.program_header_count} * sizeof(ProgramHeader);
    if (header.program_header_size != sizeof(ProgramHeader) || header.program_headers > size ||
        table > size - header.program_headers)
        return fail(BadImage::bad_program_headers);
    ElfImage image;
    image.file_ = file;
    image.size_ = size;
    image.start_ = ~u64{0};
    TRY(image.for_each_segment([&](ProgramHeader const& segment) -> std::expected<void, BadImage> {
        bool const in_file = segment.offset <= size && segment.file_size <= size - segment.offset &&
                             segment.file_size <= segment.memory_size;
        // IPC buffer and boot information come behind the image: leave room below the user's top.
        constexpr u64 top = abi::user_top - (u64{1} << 24);
        bool const in_space = segment.address <= top && segment.memory_size <= top - segment.address;
        if (!in_file || !in_space) return fail(BadImage::bad_segment);
        if (segment.address < image.start_) image.start_ = segment.address;
        u64 const end = (segment.address + segment.memory_size + page - 1) / page * page;
        if (end > image.end_) image.end_ = end;
        return {};
    }));
    if (image.end_ == 0) return fail(BadImage::bad_program_headers);
    if (image.start_ % page != 0) return fail(BadImage::not_page_aligned);
    image.entry_ = header.entry;
    if (header.entry < image.start_ || header.entry >= image.end_) return fail(BadImage::bad_entry);
    return image;
}

void ElfImage::load(std::byte* memory) const {
    static_cast<void>(for_each_segment([&](ProgramHeader const& segment) -> std::expected<void, BadImage> {
        __builtin_memcpy(memory + (segment.address - start_), file_ + segment.offset, segment.file_size);
        return {};
    }));
}

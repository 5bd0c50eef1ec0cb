// SPDX-License-Identifier: Apache-2.0
#include "tool/elf.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fmt/format.h>

namespace {

constexpr u64 page_size = 4096;
constexpr u64 page_up(u64 value) { return (value + page_size - 1) & ~(page_size - 1); }

constexpr char const* link_cure = "build it with g++ -static -no-pie";

// A copy, because nothing in a file is aligned for sure.
template <class T> T load(std::span<u8 const> bytes, u64 offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

template <class T> void store(Bytes& bytes, u64 offset, T const& value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

std::expected<Elf64_Ehdr, Flaw> check_header(std::span<u8 const> bytes) {
    if (bytes.size() < EI_NIDENT || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
        return fail(Flaw{"is no ELF file", "name a program, " + std::string(link_cure)});
    }
    if (bytes[EI_CLASS] != ELFCLASS64 || bytes[EI_DATA] != ELFDATA2LSB) {
        return fail(Flaw{"is not a 64-bit little-endian ELF file", "build it for x86-64"});
    }
    if (bytes.size() < sizeof(Elf64_Ehdr)) {
        return fail(Flaw{"is truncated inside its ELF header", "copy or build the file again"});
    }
    auto const header = load<Elf64_Ehdr>(bytes, 0);
    if (header.e_machine != EM_X86_64) {
        return fail(Flaw{fmt::format("is for another processor (ELF machine {})", header.e_machine), "build it for x86-64"});
    }
    if (header.e_type == ET_DYN) return fail(Flaw{"is a position-independent or shared ELF file", link_cure});
    if (header.e_type != ET_EXEC) return fail(Flaw{"is an ELF file but no executable", link_cure});
    u64 const headers_size = u64{header.e_phnum} * sizeof(Elf64_Phdr);
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0) {
        return fail(Flaw{"has no usable program headers", link_cure});
    }
    if (header.e_phoff > bytes.size() || headers_size > bytes.size() - header.e_phoff) {
        return fail(Flaw{"is truncated inside its program headers", "copy or build the file again"});
    }
    return header;
}

std::vector<Elf64_Phdr> segments_of(std::span<u8 const> bytes) {
    auto const header = load<Elf64_Ehdr>(bytes, 0);
    std::vector<Elf64_Phdr> segments;
    for (u64 i = 0; i < header.e_phnum; ++i) {
        segments.push_back(load<Elf64_Phdr>(bytes, header.e_phoff + i * sizeof(Elf64_Phdr)));
    }
    return segments;
}

std::expected<void, Flaw> check_segment(std::span<u8 const> bytes, Elf64_Phdr const& segment) {
    if (segment.p_type == PT_INTERP || segment.p_type == PT_DYNAMIC) {
        return fail(Flaw{"is dynamically linked", link_cure});
    }
    if (segment.p_type != PT_LOAD) return {};
    if (segment.p_offset > bytes.size() || segment.p_filesz > bytes.size() - segment.p_offset) {
        return fail(Flaw{fmt::format("is truncated: it has {} bytes but a segment ends at byte {}", bytes.size(),
                                     segment.p_offset + segment.p_filesz),
                         "copy or build the file again"});
    }
    bool const wraps = segment.p_vaddr + segment.p_memsz < segment.p_vaddr;
    if (segment.p_filesz > segment.p_memsz || wraps || segment.p_vaddr % page_size != segment.p_offset % page_size) {
        return fail(Flaw{fmt::format("has a malformed segment at address {:#x}", segment.p_vaddr), link_cure});
    }
    return {};
}

bool overlap(Elf64_Phdr const& segment, u64 address, u64 size) {
    return segment.p_vaddr < address + size && address < segment.p_vaddr + segment.p_memsz;
}

} // namespace

std::expected<CheckedElf, Flaw> CheckedElf::check(std::span<u8 const> bytes) {
    TRY(check_header(bytes));
    std::vector<Elf64_Phdr> loads;
    for (auto const& segment : segments_of(bytes)) {
        TRY(check_segment(bytes, segment));
        if (segment.p_type != PT_LOAD) continue;
        for (auto const& other : loads) {
            if (overlap(other, segment.p_vaddr, segment.p_memsz)) {
                return fail(Flaw{fmt::format("has overlapping segments at address {:#x}", segment.p_vaddr), link_cure});
            }
        }
        loads.push_back(segment);
    }
    if (loads.empty()) return fail(Flaw{"has nothing to load", link_cure});
    return CheckedElf(bytes);
}

Bytes CheckedElf::stripped() const {
    auto header = load<Elf64_Ehdr>(bytes_, 0);
    u64 end = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
    for (auto const& segment : segments_of(bytes_)) {
        if (segment.p_type == PT_LOAD) end = std::max(end, segment.p_offset + segment.p_filesz);
    }
    Bytes result(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(end));
    header.e_shoff = 0;
    header.e_shnum = header.e_shstrndx = 0;
    store(result, 0, header);
    return result;
}

u64 CheckedElf::memory_size() const {
    u64 sum = 0;
    for (auto const& segment : segments_of(bytes_)) {
        if (segment.p_type == PT_LOAD) sum += page_up(segment.p_vaddr % page_size + segment.p_memsz);
    }
    return sum;
}

std::expected<Bytes, Flaw> CheckedElf::with_segment(u64 address, std::span<u8 const> data) const {
    auto header = load<Elf64_Ehdr>(bytes_, 0);
    auto segments = segments_of(bytes_);
    std::erase_if(segments, [](auto const& segment) { return segment.p_type != PT_LOAD && segment.p_type != PT_TLS; });
    for (auto const& segment : segments) {
        if (overlap(segment, address, page_up(data.size()))) {
            return fail(Flaw{fmt::format("occupies address {:#x}, where the boot archive goes", address),
                             "link it to another address"});
        }
    }
    segments.push_back({.p_type = PT_LOAD, .p_flags = PF_R, .p_offset = 0, .p_vaddr = address, .p_paddr = address,
                        .p_filesz = data.size(), .p_memsz = data.size(), .p_align = page_size});

    header.e_phoff = sizeof header;
    header.e_phnum = static_cast<Elf64_Half>(segments.size());
    header.e_shoff = 0;
    header.e_shnum = header.e_shstrndx = 0;
    Bytes result(page_up(sizeof header + segments.size() * sizeof(Elf64_Phdr)));
    for (std::size_t i = 0; i < segments.size(); ++i) {
        auto& segment = segments[i];
        auto const contents = i + 1 == segments.size() ? data : bytes_.subspan(segment.p_offset, segment.p_filesz);
        segment.p_offset = page_up(result.size()) + segment.p_vaddr % page_size;
        result.resize(segment.p_offset);
        result.insert(result.end(), contents.begin(), contents.end());
        store(result, header.e_phoff + i * sizeof segment, segment);
    }
    store(result, 0, header);
    return result;
}

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "x86/translate/differential/generator.hpp"

namespace x86::translate::differential {
namespace {

constexpr unsigned longest_block = 24; // instructions
constexpr unsigned longest_bytes = 110;

} // namespace

ProgramText read_text(char const* elf_file) {
    std::ifstream file(elf_file, std::ios::binary);
    std::vector<u8> const bytes((std::istreambuf_iterator<char>(file)), {});
    Elf32_Ehdr header;
    if (bytes.size() < sizeof header) throw std::runtime_error(std::string(elf_file) + " cannot be read");
    std::memcpy(&header, bytes.data(), sizeof header);
    ProgramText text;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf32_Phdr part;
        std::memcpy(&part, &bytes.at(header.e_phoff + i * sizeof part), sizeof part);
        if (part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0) text.bytes.assign(&bytes.at(part.p_offset), &bytes.at(part.p_offset + part.p_filesz - 1));
    }
    for (u32 at = 0; at + 16 < text.bytes.size();) {
        auto const decoded = decode(std::span(text.bytes).subspan(at, 16));
        if (decoded) text.starts.push_back(at);
        at += decoded ? decoded->instruction.length : 1;
    }
    return text;
}

Case case_from(ProgramText const& text, Random& random) {
    CaseBuilder builder(random, true, false);
    u32 at = 0;
    for (bool usable = false; !usable;) {
        at = text.starts[random.below(static_cast<u32>(text.starts.size()))];
        auto const decoded = at + 16 < text.bytes.size() ? decode(std::span(text.bytes).subspan(at, 16)) : std::nullopt;
        usable = decoded && can_be_compared(*decoded);
    }
    for (unsigned i = 0; i < longest_block && builder.size() < longest_bytes && at + 16 < text.bytes.size(); ++i) {
        auto const decoded = decode(std::span(text.bytes).subspan(at, 16));
        if (!decoded || !can_be_compared(*decoded)) break;
        auto const* const first = &text.bytes[at];
        builder.append({first, first + decoded->instruction.length}, *decoded);
        at += decoded->instruction.length;
        if (ends_block(*decoded)) break;
    }
    return builder.finish(random.chance(2));
}

} // namespace x86::translate::differential

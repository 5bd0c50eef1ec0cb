// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/linux/program.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>

namespace x86::translate::hosted {
namespace {

constexpr u32 page_start(u32 address) { return static_cast<u32>(address / page_bytes * page_bytes); }

std::string read_file(std::string const& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

template <class T> bool get(std::string const& bytes, u64 offset, T& to) {
    if (offset + sizeof(T) > bytes.size()) return false;
    std::memcpy(&to, bytes.data() + offset, sizeof(T));
    return true;
}

u8 rights_of(u32 flags) {
    u8 result = rights::none;
    if ((flags & PF_R) != 0) result |= rights::read;
    if ((flags & PF_W) != 0) result |= rights::read | rights::write;
    if ((flags & PF_X) != 0) result |= rights::read | rights::execute;
    return result;
}

// Grows downwards from the top of the stack.
class StackWriter {
public:
    explicit StackWriter(u32 top) : at_(top) {}
    u32 put(std::string const& text) {
        at_ -= static_cast<u32>(text.size()) + 1;
        std::memcpy(Memory::at(at_), text.c_str(), text.size() + 1);
        return at_;
    }
    u32 put(std::vector<u32> const& words) {
        at_ = (at_ - 4 * static_cast<u32>(words.size())) & ~u32{15};
        std::memcpy(Memory::at(at_), words.data(), 4 * words.size());
        return at_;
    }

private:
    u32 at_;
};

u32 make_stack(Memory& memory, Elf32_Ehdr const& header, u32 headers_at, std::vector<std::string> const& arguments,
               std::vector<std::string> const& environment) {
    memory.map(stack_top - stack_bytes, stack_bytes, rights::read | rights::write);
    StackWriter stack(stack_top);
    std::vector<u32> words = {static_cast<u32>(arguments.size())};
    for (auto const& text : arguments) words.push_back(stack.put(text));
    words.push_back(0);
    for (auto const& text : environment) words.push_back(stack.put(text));
    words.push_back(0);
    u32 const random = stack.put("0123456789abcde"); // 16 bytes, the same ones each time: runs can be compared
    for (auto const& [type, value] : std::initializer_list<std::pair<u32, u32>>{{AT_PHDR, headers_at},
                                                                                {AT_PHENT, header.e_phentsize},
                                                                                {AT_PHNUM, header.e_phnum},
                                                                                {AT_PAGESZ, page_bytes},
                                                                                {AT_ENTRY, header.e_entry},
                                                                                {AT_UID, 0},
                                                                                {AT_EUID, 0},
                                                                                {AT_GID, 0},
                                                                                {AT_EGID, 0},
                                                                                {AT_SECURE, 0},
                                                                                {AT_CLKTCK, 100},
                                                                                {AT_RANDOM, random},
                                                                                {AT_NULL, 0}})
        words.insert(words.end(), {type, value});
    return stack.put(words);
}

} // namespace

std::expected<LoadedProgram, std::string> load_program(Memory& memory, std::string const& file, std::vector<std::string> const& arguments,
                                                       std::vector<std::string> const& environment) {
    std::string const bytes = read_file(file);
    Elf32_Ehdr header;
    if (!get(bytes, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return fail<std::string>(file + ": no ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS32 || header.e_machine != EM_386 || header.e_type != ET_EXEC)
        return fail<std::string>(file + ": no static program for i386");
    LoadedProgram program{.entry = header.e_entry};
    u32 headers_at = 0;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf32_Phdr part;
        if (!get(bytes, header.e_phoff + u64{i} * header.e_phentsize, part)) return fail<std::string>(file + ": ends in its headers");
        if (part.p_type == PT_INTERP) return fail<std::string>(file + ": wants a dynamic linker");
        if (part.p_type != PT_LOAD || part.p_memsz == 0) continue;
        u64 const end = u64{part.p_vaddr} + part.p_memsz;
        bool const fits = part.p_vaddr >= page_bytes && end <= stack_top - stack_bytes && part.p_filesz <= part.p_memsz &&
                          u64{part.p_offset} + part.p_filesz <= bytes.size();
        if (!fits) return fail<std::string>(file + ": a part lies outside of the file or of the program's memory");
        u32 const first = page_start(part.p_vaddr);
        u64 const size = (end - first + page_bytes - 1) / page_bytes * page_bytes;
        memory.map(first, size, rights::read | rights::write);
        std::memcpy(Memory::at(part.p_vaddr), bytes.data() + part.p_offset, part.p_filesz);
        memory.protect(first, size, rights_of(part.p_flags));
        if (part.p_offset <= header.e_phoff && header.e_phoff < part.p_offset + part.p_filesz) headers_at = part.p_vaddr + header.e_phoff - part.p_offset;
        program.heap = std::max(program.heap, static_cast<u32>(first + size));
        if ((part.p_flags & PF_X) != 0 && part.p_filesz > program.code_bytes) program.code = part.p_vaddr, program.code_bytes = part.p_filesz;
    }
    program.stack = make_stack(memory, header, headers_at, arguments, environment);
    return program;
}

} // namespace x86::translate::hosted

// SPDX-License-Identifier: Apache-2.0
// A static 32-bit program of Linux, as the kernel lays it out in memory (ELF: System V ABI, Intel386 supplement; start: execve).
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "x86/translate/host/memory.hpp"

namespace x86::translate::hosted {

struct LoadedProgram {
    u32 entry{};
    u32 stack{};   // initial stack pointer: argument count, arguments, environment, auxiliary vector
    u32 heap{};    // first address behind the program, a whole page
    u32 code{}, code_bytes{}; // its largest executable part
};

// `arguments` begins with the program's name. The error says what is wrong with the file.
std::expected<LoadedProgram, std::string> load_program(Memory& memory, std::string const& file, std::vector<std::string> const& arguments,
                                                       std::vector<std::string> const& environment);

inline constexpr u32 stack_top = 0xffff0000, stack_bytes = 8 << 20;

} // namespace x86::translate::hosted

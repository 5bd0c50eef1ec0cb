// SPDX-License-Identifier: Apache-2.0
// What the loader must know of a program: a static, not position independent x86-64 ELF file,
// checked completely.
#pragma once

#include <expected>
#include <span>

#include "base/fixed_vector.hpp"
#include "base/types.hpp"

namespace libos {

struct Segment { // one PT_LOAD
    u64 address;
    u64 memory_size;
    u64 file_offset;
    u64 file_size; // at most memory_size; the rest is zero
    u8 protection; // protection:: bits of address_space.hpp
};

struct Program {
    u64 entry;
    u64 headers; // address of the program headers in memory; 0: not loaded
    u64 header_count;
    u64 end; // of the highest segment
    FixedVector<Segment, 16> segments;
};

// All segments must lie in [lowest, highest). The error says in plain words what is wrong with the
// file.
std::expected<Program, char const*> read_program(std::span<u8 const> file, u64 lowest, u64 highest);

} // namespace libos

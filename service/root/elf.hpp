// SPDX-License-Identifier: Apache-2.0
// A static ELF64 program as root loads it (System V ABI, chapter 4): only PT_LOAD segments, every
// bound checked.
#pragma once

#include <span>

#include "base/fixed_vector.hpp"
#include "base/types.hpp"

struct Segment {
    u64 address;                // virtual
    u64 memory_size, file_size; // bytes; behind file_size the memory is zero
    u64 file_offset;
    bool writable, executable;
};

struct ElfImage {
    u64 entry;
    FixedVector<Segment, 8> segments;

    // The error is a sentence fragment: "is not an ELF64 program for x86-64".
    static std::expected<ElfImage, char const*> read(std::span<std::byte const> file);
};

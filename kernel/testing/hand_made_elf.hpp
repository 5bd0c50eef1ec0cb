// SPDX-License-Identifier: Apache-2.0
// ELF64 files for tests of the loader: System V ABI, chapter 4.
#pragma once

#include <vector>

#include "base/types.hpp"

struct HandMadeElf {
    struct Segment {
        u32 type; // 1: to be loaded
        u64 address;
        u64 memory_size;
        std::vector<u8> bytes; // the file's part
    };
    std::vector<Segment> segments{{1, 0x400000, 0x2000, {0x90, 0x90}}};
    u64 entry = 0x400000;

    std::vector<std::byte> file() const;
};

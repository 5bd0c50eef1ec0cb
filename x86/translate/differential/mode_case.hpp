// SPDX-License-Identifier: Apache-2.0
// A piece of code for the modes that a program on this machine cannot be in: real mode, 16-bit code, segments of every kind, level 0.
//
//   board::at  descriptors | data ... | code, code | data ... | read-only | nothing
//
// The code is followed by HLT, which ends a run: at level 0 by itself, at level 3 because it may not.
#pragma once

#include <string>
#include <vector>

#include "base/types.hpp"

namespace x86::translate::differential {

namespace board {
inline constexpr u32 page = 4096, at = page, descriptors = at, code = 4 * page, code_pages = 2, ram_end = 0x16 * page, read_only = ram_end,
                     mapped_end = read_only + page;
inline constexpr u32 ram_bytes = ram_end - at, bytes = mapped_end - at;
inline constexpr unsigned descriptor_count = 16;
// Where segments of 64 KiB may begin, so that they end inside.
inline constexpr u32 highest_base = ram_end - 0x10000;
} // namespace board

struct ModeCase {
    bool protected_mode{};
    unsigned cpl{};
    u16 selectors[6]{};                      // by x86::SegmentName
    u64 descriptors[board::descriptor_count]{}; // the GDT; entries 1 to 6 are those of `selectors`
    u32 general[8]{};                        // eax ecx edx ebx esp ebp esi edi
    u32 eip{}, flags{};
    u32 at{}; // linear address of the code
    std::vector<u8> code;
    struct Word {
        u32 at; // linear
        u32 value;
    };
    std::vector<Word> memory; // to put before, in this order
};

// "protected, 16 bits, level 0"
std::string kind_of(ModeCase const& test);

} // namespace x86::translate::differential

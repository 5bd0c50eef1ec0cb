// SPDX-License-Identifier: Apache-2.0
// A piece of 32-bit code with everything that it starts from, to be run three ways.
//
//   arena::at  guard | data, data | read-only | guard, guard | counter | guard | code, code | guard | own, own | guard
//   exits      where runs end
//   low        a page of data that 16-bit addresses reach
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/types.hpp"

namespace x86::translate::differential {

namespace arena {
inline constexpr u32 page = 4096, at = 0x20000000, data = at + page, read_only = at + 3 * page, guard = at + 4 * page, counter = at + 6 * page,
                     code = at + 8 * page,      // two pages that cannot be written; behind them nothing
                     own_code = at + 11 * page, // two that can
                     end = at + 14 * page, exits = 0x30000000;
inline constexpr u32 low = 0x8000;
inline constexpr u32 data_pages = 2, code_pages = 2;
// Addresses at which a run ends.
inline constexpr u32 exit_bytes = 32, exit_count = page / exit_bytes;
constexpr u32 exit(u32 number) { return exits + exit_bytes * number; }
// From this one on: for branches to addresses that were computed.
inline constexpr u32 first_computed_exit = exit_count / 2;
} // namespace arena

constexpr u16 table_selector(unsigned segment) { return static_cast<u16>(segment << 3 | 7); } // in the LDT, for programs

// A data segment that is not flat. The processor finds it in the process' LDT, one entry for each.
struct TestSegment {
    u32 base, limit; // limit in bytes: below 1 MB, or 4 GB - 1
    bool big;        // the B bit: of SS, whether esp counts or sp
};

struct Case {
    std::vector<u8> code;
    u32 at{};         // where it goes, and begins
    u32 general[8]{}; // eax ecx edx ebx esp ebp esi edi
    u32 flags{};
    std::vector<std::pair<u32, u32>> memory; // words to put before: address, value
    std::optional<TestSegment> segments[6];  // by x86::SegmentName: es, ss, ds, gs may have one; FS is the C library's
    u32 counter{};                           // in arena::counter: repetitions of a loop
    bool writes_code{};
    bool loops{};               // or calls: instructions run in another order than they stand
    std::vector<u32> ways_out;  // by number of the exit: the offset of the instruction that goes there
};

} // namespace x86::translate::differential

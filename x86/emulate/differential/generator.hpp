// SPDX-License-Identifier: Apache-2.0
// Random instructions of 64-bit mode that may run natively: integer instructions and privileged
// ones that fault, nothing that enters the system or changes segment registers. Their memory
// operands lie, most of the time, in an arena:
//
//   guard page | two writable pages | read-only page | two guard pages | code page
#pragma once

#include <random>
#include <vector>

#include "x86/emulate/processor.hpp"

namespace x86 {

namespace arena {
inline constexpr u64 page = 4096, at = 0x20000000, writable = at + page, read_only = at + 3 * page,
                     guard = at + 4 * page, code = at + 6 * page, end = at + 7 * page;
} // namespace arena

struct RandomCase {
    std::vector<u8>
        code;       // at arena::code; branches that are taken go to code.size() + branch_distance
    CoreState core; // rip = arena::code
    u64 undefined_flags{};
    bool branches{};
    std::vector<std::pair<u64, u64>> memory; // words to put before: address, value
};

inline constexpr u64 branch_distance = 32;

class Generator {
public:
    Generator(u64 seed, u64 fs_base) : random_(seed), fs_base_(fs_base) {}
    RandomCase next();

private:
    friend class Builder;
    u64 below(u64 limit) { return random_() % limit; }
    bool chance(unsigned percent) { return below(100) < percent; }
    u64 number();
    u64 pointer(); // into the arena

    std::mt19937_64 random_;
    u64 fs_base_;
};

} // namespace x86

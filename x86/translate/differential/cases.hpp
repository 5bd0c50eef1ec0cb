// SPDX-License-Identifier: Apache-2.0
// How many cases a differential test makes, and which: the environment variables TESSERA_TRANSLATE_CASES and TESSERA_TRANSLATE_SEED say it,
// TESSERA_TRANSLATE_FIRST leaves out those before it.
#pragma once

#include <cstdlib>
#include <gtest/gtest.h>

#include "x86/translate/differential/generator.hpp"

namespace x86::translate::differential {

inline u64 from_environment(char const* name, u64 otherwise) {
    char const* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

inline u64 wanted_cases(u64 usual) { return from_environment("TESSERA_TRANSLATE_CASES", usual); }
inline u64 wanted_seed() { return from_environment("TESSERA_TRANSLATE_SEED", 1); }

// Compares what `make` makes until ten cases have differed. Each case has its own random numbers, so that one can be run alone (but for what
// earlier ones left in memory).
template <class World, class Make> void compare_cases(World& world, u64 cases, Make make) {
    u64 const seed = wanted_seed();
    u64 const first = from_environment("TESSERA_TRANSLATE_FIRST", 0);
    unsigned differences = 0;
    for (u64 i = first; i < first + cases && differences < 10; ++i) {
        Random random(seed << 40 | i);
        auto const text = world.compare(make(random));
        if (text.empty()) continue;
        ++differences;
        ADD_FAILURE() << "case " << i << " of seed " << seed << "\n" << text;
    }
}

} // namespace x86::translate::differential

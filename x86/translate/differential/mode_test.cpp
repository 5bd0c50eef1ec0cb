// SPDX-License-Identifier: Apache-2.0
// The modes that this machine cannot offer a program, so that it is no judge: real mode, 16-bit code, segments of every kind, level 0. The translator
// beside Unicorn, and beside the emulator: registers, defined flags, memory and exceptions must agree. TESSERA_TRANSLATE_CASES, _SEED and _FIRST as in
// differential_test.cpp.
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>

#include "x86/translate/differential/mode_generator.hpp"
#include "x86/translate/differential/mode_world.hpp"

namespace x86::translate::differential {
namespace {

u64 from_environment(char const* name, u64 otherwise) {
    char const* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

u64 wanted_cases() { return from_environment("TESSERA_TRANSLATE_CASES", 100'000); }

void run(Options const& options, u64 cases) {
    u64 const seed = from_environment("TESSERA_TRANSLATE_SEED", 1);
    u64 const first = from_environment("TESSERA_TRANSLATE_FIRST", 0);
    ModeWorld world(seed, options);
    unsigned differences = 0;
    for (u64 i = first; i < first + cases && differences < 10; ++i) {
        Random random(seed << 40 | i);
        auto const text = world.compare(random_mode_case(random));
        if (text.empty()) continue;
        ++differences;
        ADD_FAILURE() << "case " << i << " of seed " << seed << "\n" << text;
    }
    auto const& counts = world.counts;
    auto const number = [](u64 value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu cases, %llu came to HLT, %llu to an exception, %llu compared with Unicorn\n", number(counts.cases), number(counts.halted),
                number(counts.exceptions), number(counts.compared));
    for (auto const& [kind, count] : counts.kinds) std::printf("%s: %llu; ", kind.c_str(), number(count));
    auto const& translator = world.translator_counters();
    std::printf("\n%llu instructions translated, %llu emulated\nnot compared: ", number(translator.instructions), number(translator.emulated));
    for (auto const& [why, count] : counts.why) std::printf("%s %llu, ", why.c_str(), number(count));
    std::printf("\n");
    EXPECT_GT(counts.compared, counts.cases / 2);
}

TEST(TranslateModes, AgreeWithUnicorn) { run({}, wanted_cases()); }

TEST(TranslateModes, AgreeWithUnicornWithAllStepsLeftOut) {
    run({.cache = false, .chaining = false, .registers = false, .lazy_flags = false, .return_stack = false}, wanted_cases() / 10);
}

} // namespace
} // namespace x86::translate::differential

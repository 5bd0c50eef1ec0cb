// SPDX-License-Identifier: Apache-2.0
// The modes that this machine cannot offer a program, so that it is no judge: real mode, 16-bit code, segments of every kind, level 0. The translator
// beside Unicorn, and beside the emulator: registers, defined flags, memory and exceptions must agree. How many and which: cases.hpp.
#include <cstdio>
#include <gtest/gtest.h>

#include "x86/translate/differential/cases.hpp"
#include "x86/translate/differential/mode_generator.hpp"
#include "x86/translate/differential/mode_world.hpp"

namespace x86::translate::differential {
namespace {

constexpr u64 usual_cases = 100'000;

void run(Options const& options, u64 cases) {
    ModeWorld world(wanted_seed(), options);
    compare_cases(world, cases, random_mode_case);
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

TEST(TranslateModes, AgreeWithUnicorn) { run({}, wanted_cases(usual_cases)); }

TEST(TranslateModes, AgreeWithUnicornWithAllStepsLeftOut) {
    run({.cache = false, .chaining = false, .registers = false, .lazy_flags = false, .return_stack = false}, wanted_cases(usual_cases) / 10);
}

} // namespace
} // namespace x86::translate::differential

// SPDX-License-Identifier: Apache-2.0
// Random code and blocks of a real program, run by the processor of this machine in 32-bit mode, by the translator and by the emulator: registers,
// defined flags, memory and exceptions must agree. How many and which: cases.hpp.
#include <cstdio>
#include <gtest/gtest.h>

#include "x86/translate/differential/cases.hpp"
#include "x86/translate/differential/generator.hpp"
#include "x86/translate/differential/world.hpp"

namespace x86::translate::differential {
namespace {

constexpr u64 usual_cases = 50'000; // of each kind

template <class Make> void run(Options const& options, u64 cases, Make make) {
    World world(wanted_seed(), options);
    compare_cases(world, cases, make);
    auto const& counts = world.counts;
    std::printf("%llu cases, %llu with an exception, %llu not comparable, of them %llu endless; not translated or emulated %llu, not emulated %llu\n",
                static_cast<unsigned long long>(counts.cases), static_cast<unsigned long long>(counts.exceptions),
                static_cast<unsigned long long>(counts.incomparable), static_cast<unsigned long long>(counts.too_long),
                static_cast<unsigned long long>(counts.not_translated), static_cast<unsigned long long>(counts.not_emulated));
    for (auto const& [why, count] : counts.why) std::printf("%s %llu, ", why.c_str(), static_cast<unsigned long long>(count));
    std::printf("\n");
    EXPECT_LT(counts.incomparable, counts.cases / 20);
    EXPECT_LT(counts.not_translated, counts.cases / 50);
    EXPECT_LT(counts.not_emulated, counts.cases / 2);
}

TEST(TranslateDifferential, RandomCode) { run({}, wanted_cases(usual_cases), random_case); }

TEST(TranslateDifferential, BlocksOfAProgram) {
    auto const text = read_text(TESSERA_I386_PROGRAM);
    run({}, wanted_cases(usual_cases), [&](Random& random) { return case_from(text, random); });
}

// Code that never ends is no difference, and the cases behind it go on as ever.
TEST(TranslateDifferential, EndlessCode) {
    World world(1, {});
    Case endless;
    endless.at = arena::code;
    endless.code = {0xeb, 0xfe}; // jmp to itself
    EXPECT_EQ(world.compare(endless), "");
    endless.segments[static_cast<unsigned>(SegmentName::ss)] = {.base = arena::data, .limit = 0xffffffff, .big = false};
    endless.segments[static_cast<unsigned>(SegmentName::ds)] = {.base = arena::data, .limit = arena::page, .big = true};
    endless.code = {0xff, 0x05, 0, 0, 0, 0, 0x50, 0x58, 0xeb, 0xf6}; // inc dword [0]; push eax; pop eax
    endless.general[4] = 0x12340100;
    EXPECT_EQ(world.compare(endless), "");
    EXPECT_EQ(world.counts.too_long, 2u);
    for (u64 i = 0; i < 100; ++i) {
        Random random(i);
        EXPECT_EQ(world.compare(random_case(random)), "");
    }
    EXPECT_EQ(world.counts.too_long, 2u);
}

// The same with each step of the translator left out, and with all of them.
struct LeftOut {
    char const* name;
    Options options;
};
class TranslateDifferentialWithout : public testing::TestWithParam<LeftOut> {};
TEST_P(TranslateDifferentialWithout, RandomCode) { run(GetParam().options, wanted_cases(usual_cases) / 10, random_case); }
TEST_P(TranslateDifferentialWithout, BlocksOfAProgram) {
    auto const text = read_text(TESSERA_I386_PROGRAM);
    run(GetParam().options, wanted_cases(usual_cases) / 10, [&](Random& random) { return case_from(text, random); });
}
INSTANTIATE_TEST_SUITE_P(Steps, TranslateDifferentialWithout,
                         testing::Values(LeftOut{"Cache", {.cache = false}}, LeftOut{"Chaining", {.chaining = false}},
                                         LeftOut{"Registers", {.registers = false}}, LeftOut{"LazyFlags", {.lazy_flags = false}},
                                         LeftOut{"ReturnStack", {.return_stack = false}},
                                         LeftOut{"All", {.cache = false, .chaining = false, .registers = false, .lazy_flags = false, .return_stack = false}}),
                         [](auto const& step) { return step.param.name; });

} // namespace
} // namespace x86::translate::differential

// SPDX-License-Identifier: Apache-2.0
// The 32-bit test kernels (test/guests32) on the whole monitor with the engine `translate`: the
// code that it generates runs on an emulated processor.
#include "vmm/engine/deprivileged/test_host.hpp"
#include "vmm/engine/translate/translate_engine.hpp"
#include "vmm/pc/memory_map.hpp"
#include "x86/translate/decode.hpp"

namespace vmm::translate {
namespace {

using shadow::page_size;

struct World {
    static constexpr u64 split = 0xc0000000, areas = u64{1} << 39;
    static constexpr u64 stack_size = 2 * page_size, state_at = areas + stack_size;
    static constexpr u64 code_at = areas + 0x200000;

    explicit World(u64 size, u64 code_size = mebibyte)
        : ram_bytes(size), code(code_size), data(stack_size + page_size),
          backend({.roots = 9, .leaves = 2000, .tables = 200}, size / page_size),
          thread(backend, ram_bytes, split), ram(ram_bytes),
          engine(thread, backend, ram, code_memory()), host(thread) {
        thread.add_area({areas, data, true, false});
        thread.add_area({code_at, code, false, true});
    }
    x86::translate::CodeMemory code_memory() {
        return {.bytes = code,
                .code = code_at,
                .state = new (&data[stack_size]) x86::translate::State{},
                .state_address = state_at,
                .stack = std::span(data).first(stack_size),
                .stack_address = areas};
    }
    int run(std::string behaviour) {
        return run_test_kernel(std::move(behaviour), ram, engine, host);
    }

    std::vector<u8> ram_bytes, code, data;
    shadow::FakeBackend backend;
    EmulatedThread thread;
    GuestMemory ram;
    TranslateEngine engine;
    TestHost host;
};

class TranslatedKernel : public testing::TestWithParam<char const*> {};

TEST_P(TranslatedKernel, FindsAllAsItShouldBe) {
    World world(40 * mebibyte);
    EXPECT_EQ(world.run(GetParam()), 0);
    EXPECT_NE(world.host.output.find("all as it should be"), std::string::npos)
        << world.host.output << world.host.said;
    EXPECT_EQ(world.host.output.find("failed"), std::string::npos) << world.host.output;
}
INSTANTIATE_TEST_SUITE_P(Translate, TranslatedKernel,
                         testing::Values("flags", "paging", "user", "timer", "exceptions",
                                         "own-code", "middle", "hostile-code", "forward-loop",
                                         "refused", "base-segments"));

// A kernel uses what CPUID offers.
TEST(TranslateEngine, HidesTheInstructionsThatItDoesNotKnow) {
    struct {
        char const* name;
        u32 leaf;
        u32 CpuidResult::* word;
        unsigned bit;
        std::vector<u8> code;
    } const features[] = {
        {"PCLMULQDQ", 1, &CpuidResult::ecx, 1, {0x66, 0x0f, 0x3a, 0x44, 0xc1, 0x00}},
        {"PSHUFB", 1, &CpuidResult::ecx, 9, {0x66, 0x0f, 0x38, 0x00, 0xc1}},
        {"PEXTRB", 1, &CpuidResult::ecx, 19, {0x66, 0x0f, 0x3a, 0x14, 0xc0, 0x01}},
        {"CRC32", 1, &CpuidResult::ecx, 20, {0xf2, 0x0f, 0x38, 0xf1, 0xc1}},
        {"MOVBE", 1, &CpuidResult::ecx, 22, {0x0f, 0x38, 0xf0, 0x01}},
        {"POPCNT", 1, &CpuidResult::ecx, 23, {0xf3, 0x0f, 0xb8, 0xc1}},
        {"AESENC", 1, &CpuidResult::ecx, 25, {0x66, 0x0f, 0x38, 0xdc, 0xc1}},
        {"RDRAND", 1, &CpuidResult::ecx, 30, {0x0f, 0xc7, 0xf0}},
        {"CMPXCHG8B", 1, &CpuidResult::edx, 8, {0x0f, 0xc7, 0x09}},
        {"CMOV", 1, &CpuidResult::edx, 15, {0x0f, 0x44, 0xc1}},
        {"CLFLUSH", 1, &CpuidResult::edx, 19, {0x0f, 0xae, 0x39}},
        {"ANDN", 7, &CpuidResult::ebx, 3, {0xc4, 0xe2, 0x70, 0xf2, 0xc2}},
        {"RORX", 7, &CpuidResult::ebx, 8, {0xc4, 0xe3, 0x7b, 0xf0, 0xc1, 0x05}},
        {"RDSEED", 7, &CpuidResult::ebx, 18, {0x0f, 0xc7, 0xf8}},
        {"ADCX", 7, &CpuidResult::ebx, 19, {0x66, 0x0f, 0x38, 0xf6, 0xc1}},
        {"CLFLUSHOPT", 7, &CpuidResult::ebx, 23, {0x66, 0x0f, 0xae, 0x39}},
        {"LZCNT", 0x80000001, &CpuidResult::ecx, 5, {0xf3, 0x0f, 0xbd, 0xc1}},
    };
    World world(mebibyte);
    for (auto const& feature : features) {
        CpuidResult result{~0u, ~0u, ~0u, ~0u};
        world.engine.mask_cpuid(feature.leaf, 0, result);
        auto const decoded = x86::translate::decode(feature.code, 4);
        bool const known = decoded.form != x86::translate::Form::emulate;
        EXPECT_EQ(((result.*feature.word) >> feature.bit & 1) != 0, known) << feature.name;
    }
}

class WorkingKernel : public testing::TestWithParam<char const*> {};
TEST_P(WorkingKernel, SaysSo) {
    World world(40 * mebibyte);
    EXPECT_EQ(world.run(GetParam()), 0);
    EXPECT_NE(world.host.output.find("works"), std::string::npos)
        << world.host.output << world.host.said;
}
INSTANTIATE_TEST_SUITE_P(Translate, WorkingKernel,
                         testing::Values("segment-with-base", "short-stack", "virtual-8086"));

} // namespace
} // namespace vmm::translate

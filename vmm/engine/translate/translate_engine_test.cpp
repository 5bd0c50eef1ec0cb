// SPDX-License-Identifier: Apache-2.0
// The 32-bit test kernels (test/guests32) on the whole monitor with the engine `translate`: the
// code that it generates runs on an emulated processor.
#include "vmm/engine/deprivileged/test_host.hpp"
#include "vmm/engine/translate/translate_engine.hpp"
#include "vmm/pc/memory_map.hpp"

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

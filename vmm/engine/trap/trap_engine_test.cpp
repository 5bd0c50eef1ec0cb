// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/deprivileged/test_host.hpp"
#include "vmm/engine/trap/trap_engine.hpp"
#include "vmm/pc/memory_map.hpp"

namespace vmm::trap {
namespace {

struct World {
    static constexpr u64 split = 0xc0000000;
    static constexpr u64 copies = 32 * page_size;

    explicit World(u64 size, bool patch = true)
        : memory(size + copies),
          backend({.roots = 9, .leaves = 2000, .tables = 200}, memory.size() / page_size),
          thread(backend, memory, split), ram(std::span(memory).first(size)),
          engine(thread, backend, ram, std::span(memory).subspan(size), patch), host(thread) {}

    int run(std::string behaviour) {
        return run_test_kernel(std::move(behaviour), ram, engine, host);
    }

    std::vector<u8> memory;
    shadow::FakeBackend backend;
    EmulatedThread thread;
    GuestMemory ram;
    TrapEngine engine;
    TestHost host;
};

class TestKernel : public testing::TestWithParam<char const*> {};

TEST_P(TestKernel, FindsAllAsItShouldBe) {
    World world(40 * mebibyte);
    EXPECT_EQ(world.run(GetParam()), 0);
    EXPECT_NE(world.host.output.find("all as it should be"), std::string::npos)
        << world.host.output << world.host.said;
    EXPECT_EQ(world.host.output.find("failed"), std::string::npos) << world.host.output;
}
INSTANTIATE_TEST_SUITE_P(Trap, TestKernel,
                         testing::Values("flags", "paging", "user", "timer", "exceptions",
                                         "own-code", "middle", "hostile-code", "forward-loop",
                                         "base-segments"));

} // namespace
} // namespace vmm::trap

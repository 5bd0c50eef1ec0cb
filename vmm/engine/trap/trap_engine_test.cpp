// SPDX-License-Identifier: Apache-2.0
// The 32-bit test kernels (test/guests32) on the whole monitor with the engine `trap`, whose thread
// is an emulated processor in user mode.
#include "vmm/engine/deprivileged/emulated_thread.hpp"

#include <fstream>
#include <iterator>

#include "vmm/engine/trap/trap_engine.hpp"
#include "vmm/monitor.hpp"
#include "vmm/pc/memory_map.hpp"

namespace vmm::trap {
namespace {

std::vector<u8> file(char const* variable) {
    char const* const path = std::getenv(variable);
    std::ifstream stream(path ? path : "", std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

struct TestHost : Host {
    explicit TestHost(EmulatedThread& runs) : thread(runs) {}
    bool room() override { return true; }
    void put(char byte) override { output += byte; }
    void wait() override {
        if (alarm)
            idle = std::max(now(), *std::exchange(alarm, std::nullopt)) - thread.clock();
        else
            stop = true; // nobody would ever wake us
    }
    u64 now() override { return thread.clock() + idle; }
    void set_alarm(u64 deadline) override { alarm = deadline; }
    void happened(u64) override {}
    std::optional<char> input() override { return std::nullopt; }
    void flush() override {}
    void say(std::string_view line) override { said += std::string(line) + "\n"; }
    bool asked_to_stop() override { return stop; }
    bool asked_to_report() override { return false; }

    EmulatedThread& thread;
    u64 idle{};
    std::string output, said;
    std::optional<u64> alarm;
    bool stop{};
};

struct World {
    static constexpr u64 split = 0xc0000000;
    static constexpr u64 copies = 32 * page_size;

    explicit World(u64 size, bool patch = true)
        : memory(size + copies),
          backend({.roots = 9, .leaves = 2000, .tables = 200}, memory.size() / page_size),
          thread(backend, memory, split), ram(std::span(memory).first(size)),
          engine(thread, backend, ram, std::span(memory).subspan(size), patch), host(thread) {}

    int run(std::string behaviour) {
        auto const image = file("TESSERA_GUEST32");
        auto const kernel = BzImage::check(image);
        EXPECT_TRUE(kernel.has_value());
        if (!kernel) return -1;
        Monitor monitor({"guest", std::move(behaviour), "", false, *kernel, {}}, ram, engine, host,
                        {.tsc_khz = 1000, .wall_clock_base = 0, .wall_clock_tsc = 0}, host_cpuid);
        return monitor.run();
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
                                         "own-code", "middle", "base-segments"));

} // namespace
} // namespace vmm::trap

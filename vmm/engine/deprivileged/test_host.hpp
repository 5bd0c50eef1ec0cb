// SPDX-License-Identifier: Apache-2.0
// For tests: the 32-bit test kernels (test/guests32) on the whole monitor with an engine whose
// thread is an emulated processor.
#pragma once

#include <algorithm>
#include <fstream>
#include <iterator>

#include "vmm/engine/deprivileged/emulated_thread.hpp"
#include "vmm/monitor.hpp"

namespace vmm {

inline std::vector<u8> file(char const* variable) {
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

// Runs the test kernel with this behaviour as its command line.
inline int run_test_kernel(std::string behaviour, GuestMemory ram, Engine& engine, TestHost& host) {
    auto const image = file("TESSERA_GUEST32");
    auto const kernel = BzImage::check(image);
    EXPECT_TRUE(kernel.has_value());
    if (!kernel) return -1;
    Monitor monitor({"guest", std::move(behaviour), "", false, *kernel, {}}, ram, engine, host,
                    {.tsc_khz = 1000, .wall_clock_base = 0, .wall_clock_tsc = 0}, host_cpuid);
    return monitor.run();
}

} // namespace vmm

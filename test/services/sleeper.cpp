// SPDX-License-Identifier: Apache-2.0
// Sleeps in four threads at once, so that the timer service always holds sleepers, and checks that
// no sleep was too short.
#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>
#include <vector>

#include "test/components/check.hpp"

int main() {
    using namespace std::chrono_literals;
    using Clock = std::chrono::steady_clock;
    std::atomic<int> too_short = 0, sleeps = 0;
    auto const end = Clock::now() + 3s;
    std::vector<std::thread> threads;
    for (int i = 1; i <= 4; ++i)
        threads.emplace_back([&, length = i * 40ms] {
            while (Clock::now() < end) {
                auto const start = Clock::now();
                std::this_thread::sleep_for(length);
                if (Clock::now() - start < length) ++too_short;
                ++sleeps;
            }
        });
    for (auto& thread : threads) thread.join();
    check(too_short == 0, "a sleep was too short");
    check(sleeps > 20, "the threads slept too long");
    std::cout << "sleeper: no sleep was too short" << std::endl;
}

// SPDX-License-Identifier: Apache-2.0
// Everything at once, for as many rounds as the argument says: threads that come and go, wait with
// short deadlines that are met or missed, allocate, free, sleep and print. What is lost or stuck
// shows as a wrong sum or as a test that never ends.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "test/components/check.hpp"

namespace {

using namespace std::chrono_literals;

std::mutex mutex;
std::condition_variable changed;
long tokens = 0;
std::atomic<long> taken = 0;
std::atomic<long> timeouts = 0;

void producer(unsigned seed, long count) {
    std::mt19937 random(seed);
    for (long i = 0; i < count; ++i) {
        {
            std::lock_guard const lock(mutex);
            ++tokens;
        }
        random() % 2 == 0 ? changed.notify_one() : changed.notify_all();
        if (random() % 16 == 0)
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    }
}

void consumer(unsigned seed, long count) {
    std::mt19937 random(seed);
    for (long got = 0; got < count;) {
        std::unique_lock lock(mutex);
        if (changed.wait_for(lock, std::chrono::microseconds(random() % 3000),
                             [] { return tokens > 0; })) {
            --tokens;
            ++got;
            ++taken;
        } else {
            ++timeouts;
        }
    }
}

void allocator(unsigned seed, std::atomic<bool> const& stop) {
    std::mt19937 random(seed);
    while (!stop) {
        std::vector<unsigned> block(1 + random() % 100000, seed);
        check(block[block.size() / 2] == seed, "a block keeps its contents");
        std::thread([&] { block.clear(); }).join();
    }
}

} // namespace

int main(int argc, char** argv) {
    int const rounds = argc > 1 ? std::atoi(argv[1]) : 3;
    constexpr long each = 300;
    constexpr unsigned pairs = 4;
    for (int round = 0; round < rounds; ++round) {
        std::atomic<bool> stop = false;
        std::vector<std::thread> threads, allocators;
        for (unsigned i = 0; i < pairs; ++i) {
            threads.emplace_back(consumer, i + 1, each);
            threads.emplace_back(producer, i + 100, each);
        }
        for (unsigned i = 0; i < 2; ++i) allocators.emplace_back(allocator, i, std::cref(stop));
        for (std::thread& thread : threads) thread.join();
        stop = true;
        for (std::thread& thread : allocators) thread.join();
        check(tokens == 0 && taken == (round + 1) * each * long{pairs},
              "every token was taken once");
        std::cout << "stress: round " << round + 1 << " done" << std::endl;
    }
    std::cout << "stress: finished" << std::endl;
    std::cerr << timeouts << " deadlines were missed\n";
}

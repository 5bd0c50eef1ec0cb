// SPDX-License-Identifier: Apache-2.0
// Threads on the library OS: many, one after the other and together; mutexes, condition variables
// with and without deadlines.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "test/components/check.hpp"

namespace {

using namespace std::chrono_literals;

void counting() {
    std::mutex mutex;
    int sum = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 5000; ++n) {
                std::lock_guard const lock(mutex);
                ++sum;
            }
        });
    for (std::thread& thread : threads) thread.join();
    check(sum == 40000, "eight threads count to 40000 under a mutex");
}

// More threads than there would be memory for, if ended ones kept theirs.
void many_short_ones() {
    std::atomic<int> ran = 0;
    for (int i = 0; i < 300; ++i) std::thread([&] { ++ran; }).join();
    check(ran == 300, "300 threads one after the other");
}

void queue() {
    std::mutex mutex;
    std::condition_variable filled;
    std::queue<int> numbers;
    long sum = 0;
    std::thread consumer([&] {
        for (;;) {
            std::unique_lock lock(mutex);
            filled.wait(lock, [&] { return !numbers.empty(); });
            int const number = numbers.front();
            numbers.pop();
            if (number == 0) return;
            sum += number;
        }
    });
    for (int i = 1000; i >= 0; --i) {
        std::lock_guard const lock(mutex);
        numbers.push(i);
        filled.notify_one();
    }
    consumer.join();
    check(sum == 500500, "a queue between two threads");
}

void deadlines() {
    std::mutex mutex;
    std::condition_variable never, soon;
    std::unique_lock lock(mutex);
    auto const start = std::chrono::steady_clock::now();
    check(never.wait_for(lock, 30ms) == std::cv_status::timeout, "a wait for nothing times out");
    check(std::chrono::steady_clock::now() - start >= 30ms, "... not too early");

    bool told = false;
    for (int i = 0; i < 50; ++i) { // woken long before the deadline, again and again
        told = false;
        std::thread teller([&] {
            std::lock_guard const inner(mutex);
            told = true;
            soon.notify_all();
        });
        check(soon.wait_for(lock, 60s, [&] { return told; }), "a wait with a deadline is woken");
        lock.unlock();
        teller.join();
        lock.lock();
    }
    check(std::chrono::steady_clock::now() - start < 50s, "... at once");
}

void sleeping() {
    auto const start = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(20ms);
    check(std::chrono::steady_clock::now() - start >= 20ms, "sleep_for sleeps");
}

void results() {
    auto answer = std::async(std::launch::async, [] {
        throw std::runtime_error("across threads");
        return 0;
    });
    bool caught = false;
    try {
        answer.get();
    } catch (std::runtime_error const&) {
        caught = true;
    }
    check(caught, "an exception crosses threads");
}

thread_local int own = 5;

void thread_locals() {
    own = 6;
    int seen = 0;
    std::thread([&] { seen = own; }).join();
    check(seen == 5 && own == 6, "each thread has its own thread_local");
}

} // namespace

int main() {
    counting();
    many_short_ones();
    queue();
    results();
    thread_locals();
    sleeping();
    deadlines();
    std::cout << "threads: 7 checks passed" << std::endl;
}

// SPDX-License-Identifier: Apache-2.0
// What a Linux system call costs a component: answered by the library OS in an upcall, and, for
// comparison, by another thread that gets seL4's fault message for it. In ticks of the time-stamp
// counter; with `./tessera run --icount` that is instructions. Meaningful are the ratios.
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <thread>
#include <vector>

#include "user/component/component.hpp"

extern "C" void bench_unknown_calls(); // loop.S

namespace {

using namespace user;

constexpr int rounds = 200;

// The median of many single measurements: no preemption in it.
template <class Action> u64 ticks(Action action) {
    std::vector<u64> samples;
    for (int i = 0; i < rounds; ++i) {
        u64 const before = time_stamp();
        action();
        samples.push_back(time_stamp() - before);
    }
    std::nth_element(samples.begin(), samples.begin() + rounds / 2, samples.end());
    return samples[rounds / 2];
}

u64 baseline;

// One row; what it is compared with is a kernel entry and exit.
void report(char const* name, u64 count) {
    std::printf("bench upcall.%s %llu instructions yield %llu\n", name, static_cast<unsigned long long>(count),
                static_cast<unsigned long long>(baseline));
}

u64 first_touches() {
    constexpr std::size_t size = rounds * 4096;
    auto* const pages = static_cast<char volatile*>(
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::size_t at = 0;
    u64 const median = ticks([&] {
        pages[at] = 1;
        at += 4096;
    });
    munmap(const_cast<char*>(pages), size);
    return median;
}

// A thread without a library OS: each of its system calls is a fault, which this thread answers.
u64 fault_messages() {
    auto const endpoint = component::objects().make<Endpoint>().value();
    auto const thread = component::objects().make<Tcb>().value();
    auto const buffer = component::objects().make<Frame>().value();
    u64 const address = component::window().take(4096).value();
    abi::UserContext registers{};
    registers.rip = reinterpret_cast<u64>(bench_unknown_calls);
    bool const ready = map(component::objects(), component::vspace(), buffer.object(), {address},
                           abi::right::all) &&
                       thread.object().configure({.fault_endpoint = endpoint.cptr(),
                                                  .cnode = component::cnode(),
                                                  .cnode_guard = 0,
                                                  .vspace = component::vspace()},
                                                 {address}, buffer.object()) &&
                       thread.object().set_priority(component::main_thread(), 100) &&
                       thread.object().write_registers(registers, true);
    if (!ready) return 0;
    constexpr u64 fault_ip = 15, answer_words = 16; // ABI 9.2.1 and 9.3
    Message fault = endpoint.object().receive();
    return ticks([&] {
        ipc_buffer().message[fault_ip] += 2; // behind the SYSCALL instruction
        fault.info = abi::MessageInfo::make(0, answer_words);
        fault = endpoint.object().reply_receive(fault);
    });
}

} // namespace

int main() {
    timespec now;
    baseline = ticks([] { yield(); });
    report("getppid", ticks([] { syscall(SYS_getppid); }));
    report("clock_gettime", ticks([&] { clock_gettime(CLOCK_MONOTONIC, &now); }));
    report("same_by_fault_message", fault_messages()); // to another thread and back
    report("first_touch_of_page", first_touches());    // fault by upcall, frame, mapping
    report("thread_made_and_joined", ticks([] { std::thread([] {}).join(); }));
    std::puts("bench: done");
}

// SPDX-License-Identifier: Apache-2.0
// A root task that takes the time of the main messages: `bench time.WHAT TICKS ticks`, time-stamp counter ticks for one
// round. Under emulation only the ratio of two runs of this program means something: with and without the kernel's fast paths.
#include "bench/kernel/world.hpp"
#include "user/bare/start.hpp"

namespace {

using enum abi::Syscall;

// Short batches, so that the host lets some of them run without a break; the least of many.
constexpr u64 rounds = 50;
constexpr unsigned batches = 200;

void report_time(user::Text<64> const& name, SystemCall call) {
    u64 const ticks = least([&] {
        u64 const start = user::time_stamp();
        bench_times(&call, rounds);
        return user::time_stamp() - start;
    }, batches);
    report(name, ticks / rounds, "ticks");
}

void measure_calls(World& world, Where where) {
    auto const endpoint = world.make<user::Endpoint>();
    for (u64 const words : {0, 4, 5, 120}) {
        u64 const info = abi::MessageInfo::make(0, words).word;
        Worker const server(world, {.loop = bench_repeat, .where = where, .call = {.number = reply_recv, .cptr = endpoint.cptr(), .info = info}});
        user::yield(); // it waits
        report_time(name("time.ipc.rt.", text(where), ".", words), {.number = call, .cptr = endpoint.cptr(), .info = info});
    }
}

void measure_signal(World& world, Where where) {
    auto const bell = world.make<user::Notification>();
    Worker const waiter(world, {.loop = bench_repeat, .where = where, .call = {.number = recv, .cptr = bell.cptr()}, .priority = main_priority + 1});
    report_time(name("time.signal.to_high_and_back.", text(where)), {.number = send, .cptr = bell.cptr()});
}

void measure_fault(World& world, Where where) {
    auto const endpoint = world.make<user::Endpoint>();
    Worker const worker(world, {.loop = bench_fault_on_memory, .where = where, .fault_endpoint = endpoint.cptr()});
    SystemCall first{.number = recv, .cptr = endpoint.cptr()};
    bench_timed(&first);
    report_time(name("time.fault.vm.", text(where)), {.number = reply_recv, .cptr = endpoint.cptr()});
}

} // namespace

void root_main(abi::BootInfo const& info) {
    World world = make_world(info);
    for (Where const where : {Where::same, Where::diff}) {
        measure_calls(world, where);
        measure_signal(world, where);
        measure_fault(world, where);
    }
    print("bench: done\n");
}

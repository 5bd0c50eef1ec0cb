// SPDX-License-Identifier: Apache-2.0
// Messages through endpoints: the main thread is the client, a worker the server.
#include "bench/kernel/measurements.hpp"

namespace {

using enum abi::Syscall;

constexpr u64 lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 120};

void one_way(World& world, Where where, user::Endpoint endpoint, u64 words) {
    u64 const info = abi::MessageInfo::make(0, words).word;
    Worker const server(world, {.loop = bench_repeat_timed, .where = where, .call = {.number = reply_recv, .cptr = endpoint.cptr, .info = info}});
    user::yield(); // it waits
    SystemCall client{.number = call, .cptr = endpoint.cptr, .info = info};
    report(name("ipc.call.", text(where), ".", words), least([&] {
               bench_timed(&client);
               return between(client.before, server.call().behind);
           }));
    report(name("ipc.replyrecv.", text(where), ".", words), least([&] {
               bench_timed(&client);
               return between(server.call().before, client.behind);
           }));
}

struct RoundTrip {
    u64 words = 0;
    bool main_fpu = true, worker_fpu = false;
    u64 server_priority = main_priority;
};

u64 round_trip(World& world, Where where, user::Endpoint endpoint, RoundTrip const& trip) {
    u64 const info = abi::MessageInfo::make(0, trip.words).word;
    set_fpu(world, world.self, trip.main_fpu);
    Worker const server(world, {.loop = bench_repeat,
                                .where = where,
                                .call = {.number = reply_recv, .cptr = endpoint.cptr, .info = info},
                                .priority = trip.server_priority,
                                .fpu = trip.worker_fpu});
    user::yield();
    SystemCall client{.number = call, .cptr = endpoint.cptr, .info = info};
    u64 const count = least([&] { return timed(client); });
    set_fpu(world, world.self, true);
    return count;
}

} // namespace

void measure_ipc(World& world, Where where) {
    auto const owner = world.make<user::Endpoint>();
    auto const endpoint = owner.object();
    for (u64 const words : lengths) one_way(world, where, endpoint, words);
    for (u64 const words : lengths) report(name("ipc.rt.", text(where), ".", words), round_trip(world, where, endpoint, {.words = words}));
    report(name("ipc.rt.", text(where), ".fpu.0"), round_trip(world, where, endpoint, {.worker_fpu = true}));
    report(name("ipc.rt.", text(where), ".nofpu.0"), round_trip(world, where, endpoint, {.main_fpu = false}));
    if (where == Where::diff) {
        report(name("ipc.rt.diff.server_high.0"), round_trip(world, where, endpoint, {.server_priority = main_priority + 1}));
        report(name("ipc.rt.diff.server_low.0"), round_trip(world, where, endpoint, {.server_priority = main_priority - 1}));
    }
    {
        Worker const receiver(world, {.loop = bench_repeat_timed, .where = where, .call = {.number = recv, .cptr = endpoint.cptr}, .priority = main_priority + 1});
        SystemCall sender{.number = send, .cptr = endpoint.cptr};
        report(name("ipc.send_to_high.", text(where), ".0"), least([&] {
                   bench_timed(&sender);
                   return between(sender.before, receiver.call().behind);
               }));
    }
}

// SPDX-License-Identifier: Apache-2.0
// Notifications and Yield between two threads.
#include "bench/kernel/measurements.hpp"

using enum abi::Syscall;

void measure_signals(World& world, Where where) {
    auto const bell = world.make<user::Notification>();
    {
        Worker const waiter(world, {.loop = bench_repeat_timed, .where = where, .call = {.number = recv, .cptr = bell.cptr()}, .priority = main_priority + 1});
        SystemCall signal{.number = send, .cptr = bell.cptr()};
        report(name("signal.to_high.", text(where)), least([&] {
                   bench_timed(&signal);
                   return between(signal.before, waiter.call().behind);
               }));
        report(name("signal.to_high_and_back.", text(where)), least([&] { return timed(signal); }));
    }
    {
        auto const answer = world.make<user::Notification>();
        SystemCall signal{.number = send, .cptr = bell.cptr()};
        SystemCall wait{.number = recv, .cptr = answer.cptr()};
        Worker const other(world, {.loop = bench_repeat_pair,
                                   .where = where,
                                   .call = {.number = recv, .cptr = bell.cptr()},
                                   .second = {.number = send, .cptr = answer.cptr()}});
        user::yield(); // it waits
        report(name("signal.pingpong.", text(where)), least([&] {
                   bench_timed_pair(&signal, &wait);
                   return between(signal.before, wait.behind);
               }));
    }
    Worker const other(world, {.loop = bench_repeat, .where = where, .call = {.number = yield}});
    report(name("yield.pingpong.", text(where)), least([] { return timed({.number = yield}); }));
}

// SPDX-License-Identifier: Apache-2.0
// Notifications and Yield between two threads.
#include "bench/kernel/measurements.hpp"

using enum abi::Syscall;

void measure_signals(World& world, Where where) {
    auto const bell = world.make<user::Notification>();
    {
        Worker const waiter(world, {.loop = bench_repeat_timed, .where = where, .number = recv, .cptr = bell.cptr(), .priority = main_priority + 1});
        SystemCall signal{.number = send, .cptr = bell.cptr()};
        report(name("signal.to_high.", text(where)), least([&] {
                   bench_timed(&signal);
                   return between(signal.stamps.before, waiter.stamps().behind);
               }));
    }
    {
        Worker const waiter(world, {.loop = bench_repeat, .where = where, .number = recv, .cptr = bell.cptr(), .priority = main_priority + 1});
        SystemCall signal{.number = send, .cptr = bell.cptr()};
        report(name("signal.to_high_and_back.", text(where)), least([&] { return timed(signal); }));
    }
    {
        auto const answer = world.make<user::Notification>();
        Worker const other(world, {.loop = bench_answer_signals, .where = where, .cptr = bell.cptr(), .info = answer.cptr()});
        user::yield(); // it waits
        Stamps stamps;
        report(name("signal.pingpong.", text(where)), least([&] {
                   bench_timed_signal_wait(bell.cptr(), answer.cptr(), &stamps);
                   return between(stamps.before, stamps.behind);
               }));
    }
    Worker const other(world, {.loop = bench_repeat, .where = where, .number = yield});
    report(name("yield.pingpong.", text(where)), least([] { return timed({.number = yield}); }));
}

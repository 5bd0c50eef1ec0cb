// SPDX-License-Identifier: Apache-2.0
// System calls that wake nobody: the call alone, in the state that the name says.
#include "bench/kernel/measurements.hpp"

using enum abi::Syscall;

void measure_system_calls(World& world) {
    auto const notification = world.make<user::Notification>();
    auto const endpoint = world.make<user::Endpoint>();
    auto const bell = notification.object();
    auto const empty = world.take_slot();

    report(name("yield.alone"), least([] { return timed({.number = yield}); }));
    report(name("syscall.nbsend_no_receiver"), least([&] { return timed({.number = nb_send, .cptr = endpoint.cptr()}); }));
    report(name("syscall.poll_idle"), least([&] { return timed({.number = nb_recv, .cptr = bell.cptr}); }));
    report(name("syscall.signal_no_waiter"), least([&] {
               (void)bell.poll();
               return timed({.number = send, .cptr = bell.cptr});
           }));
    report(name("syscall.signal_pending"), least([&] { return timed({.number = send, .cptr = bell.cptr}); }));
    report(name("syscall.poll_pending"), least([&] {
               bell.signal();
               return timed({.number = nb_recv, .cptr = bell.cptr});
           }));
    report(name("syscall.wait_pending"), least([&] {
               bell.signal();
               return timed({.number = recv, .cptr = bell.cptr});
           }));
    report(name("syscall.call_null_cap"), least([&] { return timed({.number = call, .cptr = empty}); }));
    world.slots.give_back(empty);
}

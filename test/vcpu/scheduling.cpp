// SPDX-License-Identifier: Apache-2.0
#include "test/vcpu/tests.hpp"

using vmx::ExitReason;
using vmx::Field;

namespace {

u64 volatile steps, ended_with;
user::CPtr volatile signalled;
u64 volatile guest_rip, guest_event;

[[noreturn]] void rest() {
    for (;;) user::yield();
}

[[noreturn]] void count_then_signal() {
    for (int i = 0; i < 3; ++i) {
        steps = steps + 1;
        user::yield();
    }
    user::signal(signalled);
    rest();
}

[[noreturn]] void run_guest_for_ever() {
    steps = 1;
    user::Message const message = user::vm_enter(guest_rip, 0, guest_event);
    ended_with = message.info.word << 32 | message.badge;
    steps = 2;
    rest();
}

void test_notification() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::count());
    bench.write_registers({});
    auto notification = must("make a notification", objects().make<user::Notification>());
    u64 const badged = must("take a slot", objects().slots().take());
    must("badge it", objects().cnode().mint(badged, objects().cnode().at(notification.cptr()),
                                            abi::right::all, 0x40));
    must("bind it", own_thread.bind(notification.object()));
    user::signal(badged);
    Stop at = enter(Bench::code, 0, 0);
    check("notification: an active one returns at once", !at.exit);
    expect("notification: with its word", at.badge, 0x40);
    expect("notification: the guest did not start", at.rip(), Bench::code);

    steps = 0;
    signalled = badged;
    Helper helper(count_then_signal);
    helper.start();
    at = enter(Bench::code, 0, 0); // never ends by itself: ends of time slices let the helper run
    check("notification: a signal ends a run", !at.exit);
    expect("notification: with its word", at.badge, 0x40);
    expect("notification: the host's ticks preempted the guest meanwhile", steps, 3);
    check("notification: MR0 is where the guest is",
          at.rip() >= Bench::code && at.rip() < Bench::code + 8);
    must("unbind it", own_thread.unbind());
}

void wait_for(u64 volatile& word, u64 value) {
    while (word != value) user::yield();
}

// The guest of the helper counts for ever; its Vcpu is taken away, the helper suspended, resumed,
// deleted.
void test_ends() {
    auto helper = Helper(run_guest_for_ever);
    guest_rip = Bench::code;
    {
        Bench bench;
        bench.load(guest::count());
        helper.bind(bench);
        steps = 0;
        helper.start();
        wait_for(steps, 1);
        for (int i = 0; i < 20; ++i) user::yield();
        expect("ends: the helper is in VMEnter", steps, 1);
    }
    wait_for(steps, 2);
    expect("ends: when its Vcpu is deleted, VMEnter returns with word 0", ended_with, 0);
    must("stop the helper", helper.tcb.object().suspend());

    Bench bench;
    bench.load(guest::count());
    helper.bind(bench);
    steps = 0;
    helper.start();
    wait_for(steps, 1);
    for (int i = 0; i < 5; ++i) user::yield();
    must("suspend the helper", helper.tcb.object().suspend());
    must("resume the helper", helper.tcb.object().resume());
    wait_for(steps, 2);
    expect("ends: a suspended thread's VMEnter returns with word 0", ended_with, 0);
    u64 const rip = bench.read(Field::guest_rip);
    check("ends: the guest stays where it was", rip >= Bench::code && rip < Bench::code + 8);
    must("stop the helper", helper.tcb.object().suspend());

    steps = 0;
    helper.start();
    wait_for(steps, 1);
    for (int i = 0; i < 5; ++i) user::yield();
    bench.root = {};
    wait_for(steps, 2);
    expect("ends: when its EPT root is deleted, VMEnter returns for an exit", ended_with >> 32, 1);

    Bench third;
    third.load(guest::count());
    helper.bind(third);
    must("stop the helper", helper.tcb.object().suspend());
    steps = 0;
    helper.start();
    wait_for(steps, 1);
    for (int i = 0; i < 5; ++i) user::yield();
    helper.tcb = {};
    third.use(own_thread);
    third.load(guest::registers());
    expect("ends: a Vcpu whose thread was deleted serves another", third.run().reason(),
           reason_of(ExitReason::vmcall));
}

} // namespace

void test_scheduling() {
    test_notification();
    test_ends();
}

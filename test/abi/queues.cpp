// SPDX-License-Identifier: Apache-2.0
// 8.9 and 8.10: the order of ready threads, and what changes it.
#include "test/abi/groups.hpp"
#include "test/abi/players.hpp"

namespace {

void check_cancelled() {
    check_scene("8.7 endpoint deleted: all go to the head of their queues, one by one", "MYXZ", [](Scene& s) {
        Player const x(s.scope, 'X', 60, s.endpoint, send), y(s.scope, 'Y', 60, s.endpoint, send);
        Player const z(s.scope, 'Z', 60);
        delete_cap(s.endpoint);
        note('M');
        s.run_rest();
    });
    check_scene("7.2 CancelBadgedSends reschedules", "XMY", [](Scene& s) {
        CPtr const badged = s.scope.mint(s.endpoint, 5), copy = s.scope.copy(badged);
        Player const x(s.scope, 'X', 150, copy, send), y(s.scope, 'Y', 60, copy, send);
        revoke_cap(badged);
        invoke(root_cnode, Label::cnode_cancel_badged_sends, {badged, depth});
        note('M');
        s.run_rest();
    });
}

void check_priority_changes() {
    check_scene("8.10 a ready thread that becomes more important runs at once", "YM", [](Scene& s) {
        Player const y(s.scope, 'Y', 50);
        set_priority(y.puppet.tcb(), 150);
        note('M');
    });
    check_scene("8.10 one that becomes equal goes to the tail", "MZX", [](Scene& s) {
        Player const z(s.scope, 'Z', main_priority), x(s.scope, 'X', 50);
        set_priority(x.puppet.tcb(), main_priority);
        note('M');
        user::yield();
    });
    check_scene("8.10 the current thread stays at the head of its new queue", "MYM", [](Scene& s) {
        Player const y(s.scope, 'Y', 50);
        set_priority(initial_tcb, 50);
        note('M');
        user::yield();
        note('M');
        set_priority(initial_tcb, main_priority);
    });
    check_scene("8.10 ... unless others are more important now", "YM", [](Scene& s) {
        Player const y(s.scope, 'Y', 50);
        set_priority(initial_tcb, 40);
        note('M');
        set_priority(initial_tcb, main_priority);
    });
    check_scene("8.10 a blocked thread's priority counts when it is woken", "MX", [](Scene& s) {
        Player const x(s.scope, 'X', 50, s.notification, wait);
        set_priority(x.puppet.tcb(), 150);
        note('M');
        user::signal(s.notification);
    });
    check_scene("8.10 SetSchedParams, the same", "YM", [](Scene& s) {
        Player const y(s.scope, 'Y', 50);
        must("raise", invoke(y.puppet.tcb(), Label::tcb_set_sched_params, {0, 150}, {initial_tcb}));
        note('M');
    });
}

void check_queues() {
    check_scene("8.9 the most important thread runs first", "CAB", [](Scene& s) {
        Player const a(s.scope, 'A', 30), b(s.scope, 'B', 20), c(s.scope, 'C', 40);
        s.run_rest();
    });
    check_scene("8.10 Resume puts an equal thread at the head; Yield puts the caller at the tail", "MZXM", [](Scene& s) {
        Player const x(s.scope, 'X', main_priority), z(s.scope, 'Z', main_priority);
        note('M');
        user::yield();
        note('M');
    });
    check_scene("8.9 Yield without an equal goes on at once", "M", [](Scene&) {
        user::yield();
        note('M');
    });
    check_scene("7.1 a suspended thread has left its queue", "MY", [](Scene& s) {
        Player const x(s.scope, 'X', 50), y(s.scope, 'Y', 50);
        x.puppet.suspend();
        note('M');
        s.run_rest();
    });
    check_scene("7.1 Resume of a ready thread has no effect", "YX", [](Scene& s) {
        Player const x(s.scope, 'X', 50), y(s.scope, 'Y', 50);
        must("resume", invoke(x.puppet.tcb(), Label::tcb_resume));
        s.run_rest();
    });
    check_scene("7.5 SetSet queues a ready thread at the head again", "XY", [](Scene& s) {
        Player const x(s.scope, 'X', 50), y(s.scope, 'Y', 50);
        must("set the domain", invoke(abi::initial_slot::domain, Label::domain_set_set, {0}, {x.puppet.tcb()}));
        s.run_rest();
    });
}

// Time slices: of two threads that never stop both run, a less important one does not.
void check_time() {
    Scope scope;
    Puppet const equal(scope, {.priority = main_priority}), less(scope, {.priority = main_priority - 1});
    equal.execute(puppet_yield_forever, equal.registers());
    less.execute(puppet_yield_forever, less.registers());
    u64 volatile& turns = equal.state().returned;
    bool ran = false;
    u64 seen = turns;
    unsigned rounds = 0;
    for (u64 i = 0; i < 2000000000 && rounds < 3; ++i) {
        u64 const now = turns;
        if (now == seen) continue;
        seen = now;
        ++rounds;
        ran = true;
    }
    check("8.9 equal threads share the processor by time slices", ran && rounds == 3);
    check_equal("8.9 a less important one gets nothing", less.state().returned, 0);
    equal.suspend();
    less.suspend();
}

} // namespace

void check_ready_queues() {
    begin_group("8.9 ready queues");
    check_cancelled();
    check_priority_changes();
    check_queues();
    check_time();
}

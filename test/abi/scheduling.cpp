// SPDX-License-Identifier: Apache-2.0
// 8.9 and 8.10: who runs next. Each player notes its letter when it runs; the main thread, whose priority is 100, notes M.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

char notes[32];
unsigned note_count;
void note(char letter) {
    if (note_count + 1 < sizeof notes) notes[note_count++] = letter;
    notes[note_count] = 0;
}

void set_priority(CPtr tcb, u64 priority) { must("set a priority", invoke(tcb, Label::tcb_set_priority, {priority}, {initial_tcb})); }

struct Player {
    char letter;
    CPtr object;
    Puppet puppet;

    // Runs at once until it blocks, then has its priority.
    Player(Scope& scope, char name, u64 priority, CPtr object_, void (*program)(Player const&))
        : letter(name), object(object_), puppet(scope), program_(program) {
        puppet.run([](u64 self) { reinterpret_cast<Player const*>(self)->play(); }, reinterpret_cast<u64>(this));
        set_priority(puppet.tcb(), priority);
    }
    // Is ready to run, and has not run.
    Player(Scope& scope, char name, u64 priority)
        : letter(name), object(0), puppet(scope, {.priority = priority}), program_([](Player const& self) { note(self.letter); }) {
        puppet.run([](u64 self) { reinterpret_cast<Player const*>(self)->play(); }, reinterpret_cast<u64>(this));
    }

private:
    void play() const { program_(*this); }
    void (*program_)(Player const&);
};

void wait(Player const& self) {
    user::wait(self.object);
    note(self.letter);
}
void send(Player const& self) {
    user::send(self.object, {});
    note(self.letter);
}
void call(Player const& self) {
    user::call(self.object, {});
    note(self.letter);
}
void serve_once(Player const& self) {
    user::receive(self.object);
    note(self.letter);
    user::reply({});
    note(static_cast<char>(self.letter + 'a' - 'A'));
}
void serve(Player const& self) {
    user::receive(self.object);
    for (;;) {
        note(self.letter);
        user::reply_receive(self.object, {});
    }
}

struct Scene {
    Scope scope;
    CPtr notification = scope.notification(), endpoint = scope.endpoint(), finished = scope.notification();

    Scene() { note_count = 0, notes[0] = 0; }
    // Everyone else runs until nobody wants to.
    void run_rest() {
        Puppet const last(scope, {.priority = 1});
        last.run([](u64 cptr) { user::signal(cptr); }, finished);
        user::wait(finished);
    }
};

void check_wake_up() {
    {
        Scene s;
        Player const x(s.scope, 'X', 150, s.notification, wait);
        user::signal(s.notification);
        note('M');
        check_text("8.10 a more important thread that is woken runs at once", notes, "XM");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', main_priority, s.notification, wait);
        Player const z(s.scope, 'Z', main_priority);
        user::signal(s.notification);
        note('M');
        user::yield();
        note('M');
        check_text("8.10 an equal one goes to the tail, the current thread continues", notes, "MZXM");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50, s.notification, wait);
        Player const y(s.scope, 'Y', 50);
        user::signal(s.notification);
        note('M');
        s.run_rest();
        check_text("8.10 a less important one goes to the head of its queue", notes, "MXY");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50, s.endpoint, send);
        note('M');
        receive_now(s.endpoint);
        note('M');
        s.run_rest();
        check_text("8.10 a sender that is served is woken by the same rules: less important", notes, "MMX");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 150, s.endpoint, send);
        receive_now(s.endpoint);
        note('M');
        check_text("8.10 ... more important", notes, "XM");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50, s.endpoint, serve_once);
        user::send(s.endpoint, {});
        note('M');
        s.run_rest();
        check_text("8.10 Send to a less important receiver lets the sender go on", notes, "MXx");
    }
}

void check_direct_switch() {
    {
        Scene s;
        Player const x(s.scope, 'X', main_priority, s.endpoint, serve_once);
        Player const z(s.scope, 'Z', main_priority);
        user::call(s.endpoint, {});
        note('M');
        check_text("8.10 Call: direct switch to an equal server, before queued equals; Reply: the client to the tail", notes, "XxZM");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', main_priority, s.endpoint, serve);
        Player const z(s.scope, 'Z', main_priority);
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
        check_text("8.10 ReplyRecv: direct switch to an equal client", notes, "XMZ");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50, s.endpoint, serve_once);
        Player const y(s.scope, 'Y', 50);
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
        check_text("8.10 Call of a less important server: direct switch if nobody more important is ready", notes, "XMxY");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50, s.endpoint, serve_once);
        Player const y(s.scope, 'Y', 50);
        Player const z(s.scope, 'Z', 70);
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
        check_text("8.10 ... otherwise that one runs, and the server is at the head of its queue", notes, "ZXMxY");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50, s.endpoint, serve);
        Player const y(s.scope, 'Y', 50);
        user::call(s.endpoint, {});
        note('M');
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
        check_text("8.10 a less important server that waits again: two rounds", notes, "XMXMY");
    }
}

void check_two_wake_ups() {
    Scene s;
    Puppet const server(s.scope);
    Player const a(s.scope, 'A', 60, s.endpoint, call);
    server.receive(s.endpoint);
    Player const b(s.scope, 'B', 60, s.endpoint, send);
    Player const c(s.scope, 'C', 60);
    server.enter(abi::Syscall::reply_recv, s.endpoint);
    note('M');
    s.run_rest();
    check_text("8.10 ReplyRecv that wakes two: both at the head of their queue, the second first", notes, "MBAC");
}

void check_cancelled() {
    {
        Scene s;
        Player const x(s.scope, 'X', 60, s.endpoint, send), y(s.scope, 'Y', 60, s.endpoint, send);
        Player const z(s.scope, 'Z', 60);
        delete_cap(s.endpoint);
        note('M');
        s.run_rest();
        check_text("8.7 endpoint deleted: all go to the head of their queues, one by one", notes, "MYXZ");
    }
    {
        Scene s;
        CPtr const badged = s.scope.mint(s.endpoint, 5), copy = s.scope.copy(badged);
        Player const x(s.scope, 'X', 150, copy, send), y(s.scope, 'Y', 60, copy, send);
        revoke_cap(badged);
        invoke(root_cnode, Label::cnode_cancel_badged_sends, {badged, depth});
        note('M');
        s.run_rest();
        check_text("7.2 CancelBadgedSends reschedules", notes, "XMY");
    }
}

void check_priority_changes() {
    {
        Scene s;
        Player const y(s.scope, 'Y', 50);
        set_priority(y.puppet.tcb(), 150);
        note('M');
        check_text("8.10 a ready thread that becomes more important runs at once", notes, "YM");
    }
    {
        Scene s;
        Player const z(s.scope, 'Z', main_priority), x(s.scope, 'X', 50);
        set_priority(x.puppet.tcb(), main_priority);
        note('M');
        user::yield();
        check_text("8.10 one that becomes equal goes to the tail", notes, "MZX");
    }
    {
        Scene s;
        Player const y(s.scope, 'Y', 50);
        set_priority(initial_tcb, 50);
        note('M');
        user::yield();
        note('M');
        set_priority(initial_tcb, main_priority);
        check_text("8.10 the current thread stays at the head of its new queue", notes, "MYM");
    }
    {
        Scene s;
        Player const y(s.scope, 'Y', 50);
        set_priority(initial_tcb, 40);
        note('M');
        set_priority(initial_tcb, main_priority);
        check_text("8.10 ... unless others are more important now", notes, "YM");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50, s.notification, wait);
        set_priority(x.puppet.tcb(), 150);
        note('M');
        user::signal(s.notification);
        check_text("8.10 a blocked thread's priority counts when it is woken", notes, "MX");
    }
    {
        Scene s;
        Player const y(s.scope, 'Y', 50);
        must("raise", invoke(y.puppet.tcb(), Label::tcb_set_sched_params, {0, 150}, {initial_tcb}));
        note('M');
        check_text("8.10 SetSchedParams, the same", notes, "YM");
    }
}

void check_queues() {
    {
        Scene s;
        Player const a(s.scope, 'A', 30), b(s.scope, 'B', 20), c(s.scope, 'C', 40);
        s.run_rest();
        check_text("8.9 the most important thread runs first", notes, "CAB");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', main_priority), z(s.scope, 'Z', main_priority);
        note('M');
        user::yield();
        note('M');
        check_text("8.10 Resume puts an equal thread at the head; Yield puts the caller at the tail", notes, "MZXM");
    }
    {
        Scene s;
        user::yield();
        note('M');
        check_text("8.9 Yield without an equal goes on at once", notes, "M");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50), y(s.scope, 'Y', 50);
        x.puppet.suspend();
        note('M');
        s.run_rest();
        check_text("7.1 a suspended thread has left its queue", notes, "MY");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50), y(s.scope, 'Y', 50);
        must("resume", invoke(x.puppet.tcb(), Label::tcb_resume));
        s.run_rest();
        check_text("7.1 Resume of a ready thread has no effect", notes, "YX");
    }
    {
        Scene s;
        Player const x(s.scope, 'X', 50), y(s.scope, 'Y', 50);
        must("set the domain", invoke(abi::initial_slot::domain, Label::domain_set_set, {0}, {x.puppet.tcb()}));
        s.run_rest();
        check_text("7.5 SetSet queues a ready thread at the head again", notes, "XY");
    }
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

void check_scheduling() {
    begin_group("8.10 scheduling");
    check_wake_up();
    check_direct_switch();
    check_two_wake_ups();
    check_cancelled();
    check_priority_changes();
    check_queues();
    check_time();
}

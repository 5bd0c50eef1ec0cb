// SPDX-License-Identifier: Apache-2.0
// 8.10: who runs when a thread is woken.
#include "test/abi/groups.hpp"
#include "test/abi/players.hpp"

namespace {

void check_wake_up() {
    check_scene("8.10 a more important thread that is woken runs at once", "XM", [](Scene& s) {
        Player const x(s.scope, 'X', 150, s.notification, wait);
        user::signal(s.notification);
        note('M');
    });
    check_scene("8.10 an equal one goes to the tail, the current thread continues", "MZXM", [](Scene& s) {
        Player const x(s.scope, 'X', main_priority, s.notification, wait);
        Player const z(s.scope, 'Z', main_priority);
        user::signal(s.notification);
        note('M');
        user::yield();
        note('M');
    });
    check_scene("8.10 a less important one goes to the head of its queue", "MXY", [](Scene& s) {
        Player const x(s.scope, 'X', 50, s.notification, wait);
        Player const y(s.scope, 'Y', 50);
        user::signal(s.notification);
        note('M');
        s.run_rest();
    });
    check_scene("8.10 a sender that is served is woken by the same rules: less important", "MMX", [](Scene& s) {
        Player const x(s.scope, 'X', 50, s.endpoint, send);
        note('M');
        receive_now(s.endpoint);
        note('M');
        s.run_rest();
    });
    check_scene("8.10 ... more important", "XM", [](Scene& s) {
        Player const x(s.scope, 'X', 150, s.endpoint, send);
        receive_now(s.endpoint);
        note('M');
    });
    check_scene("8.10 Send to a less important receiver lets the sender go on", "MXx", [](Scene& s) {
        Player const x(s.scope, 'X', 50, s.endpoint, serve_once);
        user::send(s.endpoint, {});
        note('M');
        s.run_rest();
    });
}

void check_direct_switch() {
    check_scene("8.10 Call: direct switch to an equal server, before queued equals; Reply: the client to the tail", "XxZM",
                [](Scene& s) {
                    Player const x(s.scope, 'X', main_priority, s.endpoint, serve_once);
                    Player const z(s.scope, 'Z', main_priority);
                    user::call(s.endpoint, {});
                    note('M');
                });
    check_scene("8.10 ReplyRecv: direct switch to an equal client", "XMZ", [](Scene& s) {
        Player const x(s.scope, 'X', main_priority, s.endpoint, serve);
        Player const z(s.scope, 'Z', main_priority);
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
    });
    check_scene("8.10 Call of a less important server: direct switch if nobody more important is ready", "XMxY", [](Scene& s) {
        Player const x(s.scope, 'X', 50, s.endpoint, serve_once);
        Player const y(s.scope, 'Y', 50);
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
    });
    check_scene("8.10 ... otherwise that one runs, and the server is at the head of its queue", "ZXMxY", [](Scene& s) {
        Player const x(s.scope, 'X', 50, s.endpoint, serve_once);
        Player const y(s.scope, 'Y', 50);
        Player const z(s.scope, 'Z', 70);
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
    });
    check_scene("8.10 a less important server that waits again: two rounds", "XMXMY", [](Scene& s) {
        Player const x(s.scope, 'X', 50, s.endpoint, serve);
        Player const y(s.scope, 'Y', 50);
        user::call(s.endpoint, {});
        note('M');
        user::call(s.endpoint, {});
        note('M');
        s.run_rest();
    });
}

void check_two_wake_ups() {
    check_scene("8.10 ReplyRecv that wakes two: both at the head of their queue, the second first", "MBAC", [](Scene& s) {
        Puppet const server(s.scope);
        Player const a(s.scope, 'A', 60, s.endpoint, call);
        server.receive(s.endpoint);
        Player const b(s.scope, 'B', 60, s.endpoint, send);
        Player const c(s.scope, 'C', 60);
        server.enter(abi::Syscall::reply_recv, s.endpoint);
        note('M');
        s.run_rest();
    });
}

} // namespace

void check_wake_ups() {
    begin_group("8.10 wake-ups");
    check_wake_up();
    check_direct_switch();
    check_two_wake_ups();
}

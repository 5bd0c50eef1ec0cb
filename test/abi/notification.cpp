// SPDX-License-Identifier: Apache-2.0
// 8.8: notifications.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

void check_states() {
    Scope scope;
    CPtr const notification = scope.notification(), one = scope.mint(notification, 1), two = scope.mint(notification, 2),
               six = scope.mint(notification, 6);
    Puppet const a(scope), b(scope);
    user::signal(one);
    user::signal(six);
    check_equal("8.8 words are OR-ed", poll(notification), 7);
    check_equal("8.8 a word is taken once", poll(notification), 0);
    user::signal(two);
    a.receive(notification);
    check("8.8 Wait on an active notification returns at once", a.returned() && a.badge() == 2);
    a.receive(notification);
    b.receive(notification);
    check("8.8 Wait on an idle one blocks", !a.returned() && !b.returned());
    user::signal(one);
    check("8.8 a signal wakes the first waiter", a.returned() && a.badge() == 1 && !b.returned());
    check_equal("8.8 ... and is used up", poll(one), 0);
    user::signal(two);
    check("8.8 the next the second", b.returned() && b.badge() == 2);
    user::signal(six);
    check_equal("8.8 without waiters it becomes active", poll(notification), 6);
    a.receive(one);
    user::signal(notification);
    check("8.8 an unbadged signal wakes with word 0", a.returned() && a.badge() == 0);
    user::signal(notification);
    a.receive(notification);
    check("8.8 an unbadged signal makes it active with word 0", a.returned() && a.badge() == 0);
    a.receive(notification);
    check("8.8 ... once", !a.returned());
    a.enter(abi::Syscall::nb_send, six, abi::MessageInfo::make(7, 3).word, {1, 2, 3});
    check_equal("8.8 NBSend signals", poll(notification), 6);
    a.call(two);
    check_answer("8.8 Call signals and returns", a.answer(), done());
    check_equal("8.8 ... as well", poll(notification), 2);
    a.receive(notification);
    b.receive(notification);
    a.suspend();
    user::signal(one);
    check("8.7 a suspended waiter has left the queue", !a.returned() && b.returned());
    CPtr const no_read = scope.copy(notification, abi::right::write);
    Puppet const c(scope, {.fault_handler = scope.endpoint()});
    c.enter(abi::Syscall::nb_recv, no_read);
    check("8.8 Poll needs the read right", !c.returned());
}

void check_bound() {
    Scope scope;
    CPtr const notification = scope.notification(), one = scope.mint(notification, 1), endpoint = scope.endpoint(),
               handler = scope.endpoint();
    CPtr const other = scope.notification(), other_one = scope.mint(other, 0x10);
    Puppet const bound(scope), stranger(scope, {.fault_handler = handler}), client(scope);
    user::signal(one);
    check_answer("8.8 an active notification can be bound", invoke(bound.tcb(), Label::tcb_bind_notification, {}, {notification}),
                 done());
    bound.receive(endpoint);
    check("8.8 ... the next Recv on an endpoint gets the word", bound.returned() && bound.badge() == 1);
    auto const fault = message(1, {reinterpret_cast<u64>(puppet_syscall), notification, 1, 2, 0});
    stranger.receive(notification);
    check_answer("8.8 another thread cannot wait for it: CapFault", receive_now(handler), fault);
    stranger.enter(abi::Syscall::nb_recv, notification);
    check_answer("8.8 ... nor poll it", receive_now(handler), fault);
    bound.receive(notification);
    check("8.8 the bound thread can wait for it", !bound.returned());
    user::signal(one);
    check("8.8 ... and is woken", bound.returned() && bound.badge() == 1);
    bound.receive(other);
    user::signal(one);
    check("8.8 waiting for another notification it is not woken", !bound.returned());
    user::signal(other_one);
    check("8.8 ... but by that one", bound.returned() && bound.badge() == 0x10);
    bound.receive(endpoint);
    check("8.8 ... and the word waits for the next Recv", bound.returned() && bound.badge() == 1);
    bound.call(endpoint, 5);
    receive_now(endpoint);
    user::signal(one);
    check("8.8 waiting for a reply it is not woken", !bound.returned());
    reply_with(6);
    check("8.8 ... but by the reply", bound.returned());
    bound.enter(abi::Syscall::nb_recv, endpoint);
    check("8.8 ... and NBRecv gets the word", bound.badge() == 1);
    bound.send(endpoint, 5);
    user::signal(one);
    check("8.8 blocked in a Send it is not woken", !bound.returned());
    receive_now(endpoint);
    bound.receive(endpoint);
    must("the word was waiting", bound.returned());
    bound.receive(endpoint);
    must("unbind", invoke(bound.tcb(), Label::tcb_unbind_notification));
    user::signal(one);
    check("8.8 unbound, it is not woken", !bound.returned());
    check_equal("8.8 ... the notification keeps the word", poll(notification), 1);
    must("bind a receiver", invoke(bound.tcb(), Label::tcb_bind_notification, {}, {notification}));
    user::signal(one);
    check("8.8 a thread that waits on an endpoint can be bound and is woken", bound.returned() && bound.badge() == 1);
    bound.receive(endpoint);
    client.send(endpoint, 9, {3});
    check_answer("8.8 a bound thread receives messages as well", bound.answer(), message(9, {3}));
    bound.receive(endpoint);
    bound.suspend();
    user::signal(one);
    check("8.8 a suspended bound thread is not woken", !bound.returned());
    invoke(bound.tcb(), Label::tcb_unbind_notification);
    check_equal("8.8 ... its notification is active", poll(notification), 1);
}

} // namespace

void check_notifications() {
    begin_group("8.8 notifications");
    check_states();
    check_bound();
}

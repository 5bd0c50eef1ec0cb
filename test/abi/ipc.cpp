// SPDX-License-Identifier: Apache-2.0
// 8.1 to 8.3: sending and receiving on endpoints.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

void check_sending() {
    Scope scope;
    CPtr const endpoint = scope.endpoint();
    Puppet const a(scope), b(scope), c(scope);
    CPtr const one = scope.mint(endpoint, 1), two = scope.mint(endpoint, 2), three = scope.mint(endpoint, 3);

    a.transfer(abi::Syscall::nb_send, one, 7, {1}, {});
    check("8.2 NBSend to an idle endpoint: nothing happens", a.returned() && receive_now(endpoint).info == no_message);
    a.send(one, 11, {1});
    b.call(two, 12, {2});
    c.send(three, 13, {3});
    check("8.2 senders block", !a.returned() && !b.returned() && !c.returned());
    user::send_if_awaited(endpoint, user::Message::make(1, 0));
    check_answer("8.2 first in, first out: the first", receive_now(endpoint), message(11, {1}, 1));
    check("8.3 a sender goes on when it is served", a.returned());
    check_answer("8.2 the second", receive_now(endpoint), message(12, {2}, 2));
    check("8.3 a caller waits for its reply", !b.returned());
    check_answer("8.2 the third", receive_now(endpoint), message(13, {3}, 3));
    check("8.3 the reply right of a call is gone with the next receive", (reply_with(99), !b.returned()));
    check("8.2 the queue is empty", receive_now(endpoint).info == no_message);

    // FIFO whatever the priorities: a second, more important sender comes later.
    must("a more important one", invoke(b.tcb(), Label::tcb_set_priority, {puppet_priority + 10}, {initial_tcb}));
    a.send(one);
    b.send(two);
    check_equal("8.2 queues are FIFO whatever the priorities", receive_now(endpoint).badge, 1);
    receive_now(endpoint);

    a.receive(endpoint);
    b.receive(endpoint);
    user::send_if_awaited(three, user::Message::make(21, 1, 5));
    check("8.2 the first receiver gets the first message", a.returned() && !b.returned());
    check_answer("8.2 ... as it was sent", a.answer(), message(21, {5}, 3));
    user::send_if_awaited(two, user::Message::make(22, 1, 6));
    check_answer("8.2 the second receiver gets the second", b.answer(), message(22, {6}, 2));
    c.receive(endpoint);
    a.send(one, 23, {7});
    check("8.2 Send to a waiting receiver does not block", a.returned() && c.returned());
    check_answer("8.2 ... the message is there", c.answer(), message(23, {7}, 1));
    c.receive(endpoint);
    a.transfer(abi::Syscall::nb_send, one, 24, {8}, {});
    check("8.2 NBSend to a waiting receiver sends", a.returned() && c.answer() == message(24, {8}, 1));
}

void check_calls_without_reply() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), only_send = scope.copy(endpoint, abi::right::write);
    Puppet const a(scope), b(scope);
    b.receive(endpoint);
    a.call(only_send, 5);
    check("8.2 Call without grant or grantReply: the message arrives", b.returned());
    b.enter(abi::Syscall::reply, 0, 0);
    check("8.2 ... the caller cannot be answered", !a.returned());
    invoke(a.tcb(), Label::tcb_resume);
    check("8.2 ... it is Inactive: Resume repeats the call", receive_now(endpoint).info == abi::MessageInfo::make(5, 0).word);
    a.call(only_send, 6);
    receive_now(endpoint);
    reply_with(7);
    check("8.3 the same when the call was queued", !a.returned());
    CPtr const reply_only = scope.copy(endpoint, abi::right::write | abi::right::grant_reply);
    a.call(reply_only, 6);
    receive_now(endpoint);
    reply_with(7, {1});
    check_answer("8.2 with grantReply it can be", a.answer(), message(7, {1}));
}

void check_receiving() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), handler = scope.endpoint(),
               send_only = scope.copy(endpoint, abi::right::write | abi::right::grant);
    Puppet const a(scope, {.fault_handler = handler}), client(scope), other(scope);
    auto const fault = [&](CPtr cptr) { return message(1, {reinterpret_cast<u64>(puppet_syscall), cptr, 1, 2, 0}); };
    a.receive(send_only);
    check_answer("8.3 Recv without read right -> CapFault, MissingCapability(0)", receive_now(handler), fault(send_only));
    a.receive(root_cnode);
    check_answer("8.3 Recv on a CNode -> CapFault", receive_now(handler), fault(root_cnode));
    a.receive(a.tcb());
    check_answer("8.3 Recv on a TCB -> CapFault", receive_now(handler), fault(a.tcb()));
    a.enter(abi::Syscall::nb_recv, send_only);
    check_answer("8.3 NBRecv without read right -> CapFault", receive_now(handler), fault(send_only));
    a.enter(abi::Syscall::reply_recv, 0);
    check_answer("8.3 ReplyRecv on an empty slot -> CapFault", receive_now(handler), fault(0));

    // The caller slot is emptied by a receive on an endpoint, not by one on a notification.
    CPtr const notification = scope.notification();
    client.call(endpoint, 1);
    a.receive(endpoint);
    check("8.3 Recv of a call", a.returned() && !client.returned());
    user::signal(notification);
    a.receive(notification);
    a.enter(abi::Syscall::reply, 0, abi::MessageInfo::make(2, 0).word);
    check("8.6 Recv on a notification leaves the caller slot", client.returned());
    client.call(endpoint, 1);
    a.receive(endpoint);
    a.enter(abi::Syscall::nb_recv, endpoint);
    check("8.3 NBRecv with nothing there", a.returned() && a.badge() == 0);
    a.enter(abi::Syscall::reply, 0, abi::MessageInfo::make(2, 0).word);
    check("8.3 NBRecv on an endpoint empties the caller slot, even then", !client.returned());
    client.suspend();
    client.call(endpoint, 1);
    a.receive(endpoint);
    a.receive(send_only);
    receive_now(handler);
    a.enter(abi::Syscall::reply, 0, abi::MessageInfo::make(2, 0).word);
    check("8.3 a Recv that faults leaves the caller slot", client.returned());
    client.call(endpoint, 1);
    a.receive(endpoint);
    a.receive(scope.cnode(1));
    receive_now(handler);
    a.enter(abi::Syscall::reply, 0, abi::MessageInfo::make(2, 0).word);
    check("8.3 ... also on a capability of another type", client.returned());
}

void check_bound_notification() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), notification = scope.notification(), badged = scope.mint(notification, 0x10);
    Puppet const a(scope), client(scope);
    must("bind", invoke(a.tcb(), Label::tcb_bind_notification, {}, {notification}));
    user::signal(badged);
    client.send(endpoint, 5, {1});
    a.receive(endpoint);
    check("8.3 an active bound notification comes first", a.returned() && a.badge() == 0x10);
    check("8.3 ... the endpoint is not looked at", !client.returned());
    a.receive(endpoint);
    check_answer("8.3 ... the word is cleared: then the message", a.answer(), message(5, {1}));
    user::signal(badged);
    a.enter(abi::Syscall::nb_recv, endpoint);
    check_equal("8.3 NBRecv gets the bound notification, too", a.badge(), 0x10);
    a.receive(endpoint);
    user::signal(badged);
    check("8.8 a signal ends the bound thread's receive", a.returned() && a.badge() == 0x10);
    user::send_if_awaited(endpoint, user::Message::make(1, 0));
    check("8.8 ... it has left the endpoint's queue", a.returned());
    client.call(endpoint, 1);
    a.receive(endpoint);
    user::signal(badged);
    a.enter(abi::Syscall::reply_recv, endpoint, abi::MessageInfo::make(2, 0).word);
    check("8.3 ReplyRecv replies, then gets the notification", client.returned() && a.returned() && a.badge() == 0x10);
}

} // namespace

void check_ipc() {
    begin_group("8.2 send and receive");
    check_sending();
    check_calls_without_reply();
    check_receiving();
    check_bound_notification();
}

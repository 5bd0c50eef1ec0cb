// SPDX-License-Identifier: Apache-2.0
// 8.5 to 8.7: reply capabilities, and cancelling.
#include "test/abi/check.hpp"
#include "test/abi/groups.hpp"
#include "test/abi/puppet.hpp"

namespace {

void check_saved_reply() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), saved = scope.slot(), moved = scope.slot();
    Puppet const client(scope), second(scope);
    auto const save = [&] { return invoke(root_cnode, Label::cnode_save_caller, {saved, depth}); };
    client.call(endpoint, 1);
    receive_now(endpoint);
    check_answer("7.2 SaveCaller", save(), done());
    reply_with(2);
    check("8.6 the caller slot is empty after SaveCaller", !client.returned());
    check_answer("7.2 SaveCaller: target occupied -> DeleteFirst", save(), delete_first);
    Case const cases[] = {
        {"8.6 a reply capability cannot be copied -> IllegalOperation",
         root_cnode,
         Label::cnode_copy,
         {moved, depth, saved, depth, 15},
         {root_cnode},
         illegal_operation},
        {"8.6 ... nor minted -> IllegalOperation",
         root_cnode,
         Label::cnode_mint,
         {moved, depth, saved, depth, 15, 0},
         {root_cnode},
         illegal_operation},
        {"8.6 it can be moved", root_cnode, Label::cnode_move, {moved, depth, saved, depth}, {root_cnode}, done()},
        {"8.6 ... and mutated back", root_cnode, Label::cnode_mutate, {saved, depth, moved, depth, 0}, {root_cnode}, done()},
        {"8.6 revoking it does nothing", root_cnode, Label::cnode_revoke, {saved, depth}, {}, done()},
    };
    check_cases(cases);
    user::send(saved, user::Message::make(5, 2, 7, 8));
    check_answer("8.6 Send on a saved reply capability is the reply", client.answer(), message(5, {7, 8}));
    check("8.6 ... once: the slot is empty", empty(saved));

    client.call(endpoint, 1);
    receive_now(endpoint);
    save();
    user::send_if_awaited(saved, user::Message::make(6, 0));
    check_answer("8.6 NBSend on it, too", client.answer(), message(6, {}));
    client.call(endpoint, 1);
    receive_now(endpoint);
    save();
    check_answer("8.6 Call on it succeeds at once", answer_of(user::call(saved, user::Message::make(8, 1, 9))), done());
    check_answer("8.6 ... and is the reply", client.answer(), message(8, {9}));

    client.call(endpoint, 1);
    receive_now(endpoint);
    save();
    second.call(endpoint, 2);
    receive_now(endpoint);
    reply_with(20);
    check("8.6 with one caller saved another can be answered", second.returned() && !client.returned());
    user::send(saved, user::Message::make(10, 0));
    check("8.6 ... and then the saved one", client.returned());

    client.call(endpoint, 1);
    receive_now(endpoint);
    save();
    must("delete the reply capability", delete_cap(saved));
    check("8.6 deleting it leaves the caller blocked", !client.returned());
    invoke(client.tcb(), Label::tcb_resume);
    check("8.6 ... Resume repeats the call", receive_now(endpoint).info == abi::MessageInfo::make(1, 0).word);
    save();
    client.suspend();
    check("8.6 suspending the caller deletes its reply capability", empty(saved));
    client.call(endpoint, 1);
    receive_now(endpoint);
    save();
    invoke(client.tcb(), Label::tcb_resume);
    check("8.6 resuming it, too", empty(saved));
    receive_now(endpoint);
    save();
    must("delete the caller", delete_cap(client.tcb()));
    check("8.6 deleting the caller, too", empty(saved));
}

void check_reply_call() {
    Scope scope;
    CPtr const endpoint = scope.endpoint();
    Puppet const client(scope), server(scope), other(scope);
    server.receive(endpoint);
    client.call(endpoint, 1, {1, 2, 3});
    check_answer("8.2 the server has the call", server.answer(), message(1, {1, 2, 3}));
    server.enter(abi::Syscall::reply_recv, endpoint, abi::MessageInfo::make(7, 1).word, {42});
    check_answer("8.6 ReplyRecv replies", client.answer(), message(7, {42}));
    check("8.6 ... and waits", !server.returned());
    other.call(endpoint, 2);
    check("8.6 ... for the next", server.returned());
    server.enter(abi::Syscall::reply, 0, abi::MessageInfo::make(8, 0).word);
    check("8.6 Reply", other.returned() && server.returned());
    server.enter(abi::Syscall::reply, 0, abi::MessageInfo::make(9, 0).word);
    check("8.6 a second Reply does nothing", server.returned());
    client.call(endpoint, 1);
    server.receive(endpoint);
    server.enter(abi::Syscall::reply_recv, ~u64{0}, abi::MessageInfo::make(7, 0).word);
    check("8.6 ReplyRecv: if the receive faults the reply has happened", client.returned() && !server.returned());
    client.call(endpoint, 1);
    server.receive(endpoint);
    must("delete the server", delete_cap(server.tcb()));
    check("10.4 deleting the server leaves the caller blocked", !client.returned());
}

void check_cancelling() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), handler = scope.endpoint();
    Puppet const sender(scope), caller(scope), third(scope, {.fault_handler = handler});
    CPtr const cap = scope.copy(endpoint);
    sender.send(cap);
    caller.call(cap);
    delete_cap(endpoint);
    check("10.4 deleting one of two capabilities of an endpoint leaves the queue", !sender.returned() && !caller.returned());
    delete_cap(cap);
    check("8.7 the last: a sender repeats its call, which finds nothing", sender.returned());
    check_answer("8.7 a caller gets InvalidCapability(0)", caller.answer(), invalid_capability(0));
    CPtr const another = scope.endpoint();
    third.receive(another);
    delete_cap(another);
    check_answer("8.7 a receiver faults", receive_now(handler),
                 message(1, {reinterpret_cast<u64>(puppet_syscall), another, 1, 2, 0}));
    CPtr const notification = scope.notification();
    third.receive(notification);
    delete_cap(notification);
    check_answer("8.7 notification: a waiter faults", receive_now(handler),
                 message(1, {reinterpret_cast<u64>(puppet_syscall), notification, 1, 2, 0}));
    CPtr const bound = scope.notification();
    must("bind", invoke(sender.tcb(), Label::tcb_bind_notification, {}, {bound}));
    delete_cap(bound);
    check_answer("8.7 deleting a notification unbinds it", invoke(sender.tcb(), Label::tcb_unbind_notification),
                 illegal_operation);
    CPtr const again = scope.notification();
    must("bind", invoke(sender.tcb(), Label::tcb_bind_notification, {}, {again}));
    delete_cap(sender.tcb());
    check_answer("10.4 deleting a TCB unbinds its notification", invoke(caller.tcb(), Label::tcb_bind_notification, {}, {again}),
                 done());
}

void check_badged_sends() {
    Scope scope;
    CPtr const endpoint = scope.endpoint(), one = scope.mint(endpoint, 1), two = scope.mint(endpoint, 2);
    Puppet const a(scope), b(scope), c(scope);
    CPtr const copy_of_one = scope.copy(one), other_of_one = scope.copy(one);
    a.send(copy_of_one, 1);
    b.send(two, 2);
    c.call(other_of_one, 3);
    // The senders' own capabilities go first, so that they see what became of them.
    revoke_cap(one);
    check("10.1 revoking a badged capability deletes its copies", empty(copy_of_one) && empty(other_of_one));
    check_answer("7.2 CancelBadgedSends", invoke(root_cnode, Label::cnode_cancel_badged_sends, {one, depth}), done());
    check("7.2 ... restarts a sender with that badge", a.returned());
    check("7.2 ... and a caller", c.returned() && c.answer() == invalid_capability(0));
    check("7.2 ... and no other", !b.returned());
    check_equal("7.2 ... which is still in the queue", receive_now(endpoint).badge, 2);
    check("7.2 ... alone", receive_now(endpoint).info == no_message);
    a.send(one, 5);
    invoke(root_cnode, Label::cnode_cancel_badged_sends, {one, depth});
    check("7.2 a sender that still has its capability sends again",
          !a.returned() && receive_now(endpoint).info == abi::MessageInfo::make(5, 0).word);
    a.send(endpoint, 6);
    invoke(root_cnode, Label::cnode_cancel_badged_sends, {endpoint, depth});
    check("7.2 badge 0 cancels nobody", !a.returned());
}

} // namespace

void check_reply() {
    begin_group("8.6 replies, cancelling");
    check_saved_reply();
    check_reply_call();
    check_cancelling();
    check_badged_sends();
}

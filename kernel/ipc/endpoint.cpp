// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipc/endpoint.hpp"

#include "kernel/ipc/cancel.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/ipc/transfer.hpp"
#include "kernel/kernel.hpp"

void Endpoint::send(Kernel& kernel, Tcb& sender, Sending const& how) {
    if (state() != State::receiving) {
        if (!how.blocking) return;
        sender.state = ThreadState::blocked_on_send;
        sender.blocked_badge = how.badge;
        sender.blocked_can_grant = how.can_grant;
        sender.blocked_can_grant_reply = how.can_grant_reply;
        sender.blocked_is_call = how.is_call;
        return enqueue(sender, State::sending);
    }
    Tcb& receiver = take_head();
    transfer(kernel, sender, this, how.badge, how.can_grant, receiver);
    bool const receiver_can_grant = receiver.blocked_can_grant;
    receiver.state = ThreadState::running;
    kernel.wake(receiver);
    if (!how.is_call) return;
    if (how.can_grant || how.can_grant_reply) give_reply(sender, receiver, receiver_can_grant);
    else sender.state = ThreadState::inactive; // nobody will be able to answer
}

void Endpoint::receive(Kernel& kernel, Tcb& receiver, bool can_grant, bool blocking) {
    if (Notification* const bound = receiver.bound_notification) {
        u64 word;
        if (bound->take(word)) {
            receiver.badge_register() = word;
            return;
        }
    }
    if (state() != State::sending) {
        if (!blocking) {
            receiver.badge_register() = 0;
            return;
        }
        receiver.state = ThreadState::blocked_on_receive;
        receiver.blocked_can_grant = can_grant;
        return enqueue(receiver, State::receiving);
    }
    Tcb& sender = take_head();
    transfer(kernel, sender, this, sender.blocked_badge, sender.blocked_can_grant, receiver);
    if (sender.blocked_is_call) {
        if (sender.blocked_can_grant || sender.blocked_can_grant_reply) give_reply(sender, receiver, can_grant);
        else sender.state = ThreadState::inactive;
        return;
    }
    sender.state = ThreadState::running;
    kernel.wake(sender);
}

void Endpoint::cancel_all(Kernel& kernel) {
    if (queue_.empty()) return;
    while (!queue_.empty()) {
        Tcb& thread = take_head();
        thread.fault = {};
        make_restart(kernel, thread);
    }
    kernel.scheduler.choose_new();
}

void Endpoint::cancel_badged_sends(Kernel& kernel, u64 badge) {
    if (state() != State::sending) return;
    for (Tcb* thread = queue_.head(); thread;) {
        Tcb* const next = thread->queue_next;
        if (thread->blocked_badge == badge) {
            cancel(*thread);
            thread->blocking_object = nullptr;
            thread->fault = {};
            make_restart(kernel, *thread);
        }
        thread = next;
    }
    kernel.scheduler.choose_new();
}

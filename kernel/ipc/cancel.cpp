// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipc/cancel.hpp"

#include "kernel/capability/derivation.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/kernel.hpp"

void cancel_ipc(Kernel& kernel, Tcb& thread) {
    switch (thread.state) {
    case ThreadState::blocked_on_send:
    case ThreadState::blocked_on_receive:
        static_cast<Endpoint*>(thread.blocking_object)->cancel(thread);
        break;
    case ThreadState::blocked_on_notification:
        static_cast<Notification*>(thread.blocking_object)->cancel(thread);
        break;
    case ThreadState::blocked_on_reply:
        if (Slot* const given = DerivationList::first_child(thread.slot(Tcb::reply_master)))
            delete_simple(kernel, *given);
        break;
    case ThreadState::inactive:
    case ThreadState::running:
    case ThreadState::restart:
    case ThreadState::running_vm:
    case ThreadState::running_32:
    case ThreadState::idle: break;
    }
    // A fault that waited for an answer is forgotten: the next message of this thread must not carry it.
    thread.fault = {};
    thread.blocking_object = nullptr;
}

void suspend(Kernel& kernel, Tcb& thread) {
    cancel_ipc(kernel, thread);
    if (thread.state == ThreadState::running_vm) kernel.end_vm_enter(thread, 0); // the guest has moved on: no restart
    if (thread.state == ThreadState::running || thread.state == ThreadState::running_32)
        thread.registers().rip = thread.context.next_ip; // where it will continue
    thread.state = ThreadState::inactive;
    kernel.scheduler.dequeue(thread);
    kernel.scheduler.forget(thread);
}

void make_restart(Kernel& kernel, Tcb& thread) {
    thread.state = ThreadState::restart;
    kernel.scheduler.enqueue(thread);
}

void resume(Kernel& kernel, Tcb& thread) {
    if (!thread.stopped()) return;
    cancel_ipc(kernel, thread);
    Slot& master = thread.slot(Tcb::reply_master);
    if (master.empty()) DerivationList::insert_root(ReplyCap{&thread, true, true}, master);
    make_restart(kernel, thread);
    kernel.wake(thread);
}

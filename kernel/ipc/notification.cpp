// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipc/notification.hpp"

#include "kernel/ipc/cancel.hpp"
#include "kernel/kernel.hpp"

void Notification::signal(Kernel& kernel, u64 badge) {
    switch (state()) {
    case State::active: word_ |= badge; return;
    case State::waiting: {
        Tcb& waiter = *queue_.head();
        cancel(waiter);
        waiter.blocking_object = nullptr;
        waiter.badge_register() = badge;
        waiter.state = ThreadState::running;
        return kernel.wake(waiter);
    }
    case State::idle: break;
    }
    if (bound_ && bound_->state == ThreadState::blocked_on_receive) {
        cancel_ipc(kernel, *bound_);
        bound_->badge_register() = badge;
        bound_->state = ThreadState::running;
        return kernel.wake(*bound_);
    }
    if (bound_ && bound_->state == ThreadState::running_vm) {
        return kernel.end_vm_enter(*bound_, badge); // it was runnable all the time: nobody to wake
    }
    word_ = badge;
    set_state(State::active);
}

void Notification::wait(Kernel&, Tcb& thread, bool blocking) {
    u64 word;
    if (take(word)) {
        thread.badge_register() = word;
        return;
    }
    if (!blocking) {
        thread.badge_register() = 0;
        return;
    }
    thread.state = ThreadState::blocked_on_notification;
    thread.blocking_object = this;
    queue_.append(thread);
    set_state(State::waiting);
}

bool Notification::take(u64& word) {
    if (state() != State::active) return false;
    word = std::exchange(word_, 0);
    set_state(State::idle);
    return true;
}

void Notification::bind(Tcb& thread) {
    bound_ = &thread;
    thread.bound_notification = this;
}

void Notification::unbind() {
    if (bound_) bound_->bound_notification = nullptr;
    bound_ = nullptr;
}

void Notification::cancel(Tcb& thread) {
    queue_.remove(thread);
    if (queue_.empty()) set_state(State::idle);
}

void Notification::cancel_all(Kernel& kernel) {
    if (state() != State::waiting) return;
    while (Tcb* const thread = queue_.head()) {
        cancel(*thread);
        thread->blocking_object = nullptr;
        make_restart(kernel, *thread);
    }
    kernel.scheduler.choose_new();
}

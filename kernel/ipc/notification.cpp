// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipc/notification.hpp"

#include "kernel/ipc/cancel.hpp"
#include "kernel/kernel.hpp"

void Notification::signal(Kernel& kernel, u64 badge) {
    if (state() == State::active) return keep(badge);
    if (state() == State::waiting) return kernel.wake(release_head(badge));
    if (bound_ && bound_->state == ThreadState::blocked_on_receive) {
        cancel_ipc(kernel, *bound_);
        bound_->badge_register() = badge;
        bound_->state = ThreadState::running;
        return kernel.wake(*bound_);
    }
    if (bound_ && bound_->state == ThreadState::running_vm) {
        return kernel.end_vm_enter(*bound_, badge); // it was runnable all the time: nobody to wake
    }
    keep(badge);
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
    enqueue(thread);
}

void Notification::bind(Tcb& thread) {
    bound_ = &thread;
    thread.bound_notification = this;
}

void Notification::unbind() {
    if (bound_) bound_->bound_notification = nullptr;
    bound_ = nullptr;
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

// SPDX-License-Identifier: Apache-2.0
// A notification: a word of badges that waits for a thread, or threads that wait for a badge (ABI 8.8).
#pragma once

#include "kernel/thread/tcb.hpp"
#include "kernel/thread/thread_queue.hpp"

class Kernel;

class Notification {
public:
    static constexpr unsigned size_bits = abi::size_bits::notification;
    Notification(Notification const&) = delete;
    Notification& operator=(Notification const&) = delete;
    Notification() = default;

    enum class State : unsigned { idle, waiting, active };
    State state() const { return static_cast<State>(queue_.tag()); }
    u64 word() const { return word_; }
    Tcb* head() const { return queue_.head(); }
    Tcb* bound() const { return bound_; }

    void signal(Kernel& kernel, u64 badge);
    void wait(Kernel& kernel, Tcb& thread, bool blocking);
    // Takes the word when there is one (the receiver looks before it waits at an endpoint).
    bool take(u64& word) {
        if (state() != State::active) return false;
        word = std::exchange(word_, 0);
        set_state(State::idle);
        return true;
    }

    void bind(Tcb& thread);
    void unbind();
    void cancel(Tcb& thread) {
        queue_.remove(thread);
        if (queue_.empty()) set_state(State::idle);
    }
    // A thread, whose state says so already, waits at the end of the queue.
    void enqueue(Tcb& thread) {
        thread.blocking_object = this;
        queue_.append(thread);
        set_state(State::waiting);
    }
    // The first waiter of a queue that is not empty leaves and gets the badge; it is still to be woken.
    Tcb& release_head(u64 badge) {
        Tcb& waiter = queue_.take_head();
        if (queue_.empty()) set_state(State::idle);
        waiter.blocking_object = nullptr;
        waiter.badge_register() = badge;
        waiter.state = ThreadState::running;
        return waiter;
    }
    // Nobody can be told now: the badge stays in the word.
    void keep(u64 badge) {
        word_ |= badge;
        set_state(State::active);
    }
    void cancel_all(Kernel& kernel);

private:
    void set_state(State state) { queue_.set_tag(static_cast<unsigned>(state)); }
    ThreadQueue queue_;
    u64 word_{};
    Tcb* bound_{};
};
static_assert(sizeof(Notification) == u64{1} << Notification::size_bits);

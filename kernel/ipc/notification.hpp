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
    bool take(u64& word);

    void bind(Tcb& thread);
    void unbind();
    void cancel(Tcb& thread);
    void cancel_all(Kernel& kernel);

private:
    void set_state(State state) { queue_.set_tag(static_cast<unsigned>(state)); }
    ThreadQueue queue_;
    u64 word_{};
    Tcb* bound_{};
};
static_assert(sizeof(Notification) == u64{1} << Notification::size_bits);

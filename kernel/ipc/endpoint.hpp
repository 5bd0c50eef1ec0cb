// SPDX-License-Identifier: Apache-2.0
// An endpoint: threads that wait to send, or threads that wait to receive, first come first served (ABI 8.2, 8.3).
#pragma once

#include "kernel/thread/tcb.hpp"
#include "kernel/thread/thread_queue.hpp"

class Kernel;

class Endpoint {
public:
    static constexpr unsigned size_bits = abi::size_bits::endpoint;
    Endpoint(Endpoint const&) = delete;
    Endpoint& operator=(Endpoint const&) = delete;
    Endpoint() = default;

    enum class State : unsigned { idle, sending, receiving };
    State state() const { return static_cast<State>(queue_.tag()); }
    Tcb* head() const { return queue_.head(); }

    struct Sending { // the capability used, and how
        u64 badge;
        bool can_grant;
        bool can_grant_reply;
        bool is_call;
        bool blocking;
    };
    void send(Kernel& kernel, Tcb& sender, Sending const& how);
    // The receiver's capability had the grant right: its replies may carry capabilities.
    void receive(Kernel& kernel, Tcb& receiver, bool can_grant, bool blocking);

    // The first thread of the queue, which is not empty, leaves.
    Tcb& take_head() {
        Tcb& thread = queue_.take_head();
        if (queue_.empty()) queue_.set_tag(static_cast<unsigned>(State::idle));
        thread.blocking_object = nullptr;
        return thread;
    }
    // The thread, whose state says so already, waits at the end of the queue.
    void enqueue(Tcb& thread, State state) {
        thread.blocking_object = this;
        queue_.append(thread);
        queue_.set_tag(static_cast<unsigned>(state));
    }
    // A blocked thread leaves.
    void cancel(Tcb& thread) {
        queue_.remove(thread);
        if (queue_.empty()) queue_.set_tag(static_cast<unsigned>(State::idle));
    }
    // Every thread leaves and repeats its system call: the endpoint goes away.
    void cancel_all(Kernel& kernel);
    // Threads that wait to send with this badge leave and repeat their system calls.
    void cancel_badged_sends(Kernel& kernel, u64 badge);

private:
    ThreadQueue queue_;
};
static_assert(sizeof(Endpoint) == u64{1} << Endpoint::size_bits);

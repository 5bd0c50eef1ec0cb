// SPDX-License-Identifier: Apache-2.0
// A queue of threads through the links in their Tcbs, with a small tag: 16 bytes, the whole of an Endpoint.
#pragma once

#include "kernel/thread/tcb.hpp"

class ThreadQueue {
public:
    Tcb* head() const { return reinterpret_cast<Tcb*>(head_); }
    bool empty() const { return head_ == 0; }

    void append(Tcb& thread) {
        thread.queue_previous = tail();
        thread.queue_next = nullptr;
        if (Tcb* const last = tail()) last->queue_next = &thread;
        else head_ = reinterpret_cast<u64>(&thread);
        set_tail(&thread);
    }
    void prepend(Tcb& thread) {
        thread.queue_previous = nullptr;
        thread.queue_next = head();
        if (Tcb* const first = head()) first->queue_previous = &thread;
        else set_tail(&thread);
        head_ = reinterpret_cast<u64>(&thread);
    }
    // The first thread of a queue that is not empty leaves.
    Tcb& take_head() {
        Tcb& thread = *head();
        Tcb* const after = thread.queue_next;
        head_ = reinterpret_cast<u64>(after);
        if (after) after->queue_previous = nullptr;
        else set_tail(nullptr);
        thread.queue_next = nullptr;
        return thread;
    }
    void remove(Tcb& thread) {
        Tcb* const before = thread.queue_previous;
        Tcb* const after = thread.queue_next;
        if (before) before->queue_next = after;
        else head_ = reinterpret_cast<u64>(after);
        if (after) after->queue_previous = before;
        else set_tail(before);
        thread.queue_next = nullptr;
        thread.queue_previous = nullptr;
    }
    // 0..3, kept in the low bits of a pointer.
    unsigned tag() const { return static_cast<unsigned>(tail_ & tag_mask); }
    void set_tag(unsigned tag) { tail_ = (tail_ & ~tag_mask) | tag; }

private:
    static constexpr u64 tag_mask = 3;
    Tcb* tail() const { return reinterpret_cast<Tcb*>(tail_ & ~tag_mask); }
    void set_tail(Tcb* thread) { tail_ = reinterpret_cast<u64>(thread) | (tail_ & tag_mask); }
    u64 head_{};
    u64 tail_{};
};
static_assert(sizeof(ThreadQueue) == 16);

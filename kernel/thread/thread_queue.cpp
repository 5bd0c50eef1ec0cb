// SPDX-License-Identifier: Apache-2.0
#include "kernel/thread/thread_queue.hpp"

#include "kernel/thread/tcb.hpp"

void ThreadQueue::append(Tcb& thread) {
    thread.queue_previous = tail();
    thread.queue_next = nullptr;
    if (Tcb* const last = tail()) last->queue_next = &thread;
    else head_ = reinterpret_cast<u64>(&thread);
    set_tail(&thread);
}

void ThreadQueue::prepend(Tcb& thread) {
    thread.queue_previous = nullptr;
    thread.queue_next = head();
    if (Tcb* const first = head()) first->queue_previous = &thread;
    else set_tail(&thread);
    head_ = reinterpret_cast<u64>(&thread);
}

void ThreadQueue::remove(Tcb& thread) {
    Tcb* const before = thread.queue_previous;
    Tcb* const after = thread.queue_next;
    if (before) before->queue_next = after;
    else head_ = reinterpret_cast<u64>(after);
    if (after) after->queue_previous = before;
    else set_tail(before);
    thread.queue_next = nullptr;
    thread.queue_previous = nullptr;
}

// SPDX-License-Identifier: Apache-2.0
#include "kernel/thread/scheduler.hpp"

void Scheduler::enqueue(Tcb& thread) {
    if (thread.in_ready_queue) return;
    queue_of(thread).prepend(thread);
    mark(thread);
}

void Scheduler::append(Tcb& thread) {
    if (thread.in_ready_queue) return;
    queue_of(thread).append(thread);
    mark(thread);
}

void Scheduler::mark(Tcb& thread) {
    thread.in_ready_queue = true;
    Occupied& occupied = occupied_[domain_of(thread)];
    unsigned const word = thread.priority / 64;
    occupied.priorities[word] |= u64{1} << (thread.priority % 64);
    occupied.words |= 1u << word;
}

void Scheduler::dequeue(Tcb& thread) {
    if (!thread.in_ready_queue) return;
    ThreadQueue& queue = queue_of(thread);
    queue.remove(thread);
    thread.in_ready_queue = false;
    if (!queue.empty()) return;
    Occupied& occupied = occupied_[domain_of(thread)];
    unsigned const word = thread.priority / 64;
    occupied.priorities[word] &= ~(u64{1} << (thread.priority % 64));
    if (occupied.priorities[word] == 0) occupied.words &= ~(1u << word);
}

Tcb* Scheduler::first() {
    int const priority = highest();
    if (priority < 0) return nullptr;
    Tcb* const thread = ready_[current_domain][priority].head();
    dequeue(*thread);
    return thread;
}

void Scheduler::possible_switch(Tcb& thread, Tcb const& current) {
    if (&thread == &current) return;
    if (thread.domain != current_domain) return enqueue(thread);
    if (candidate_ || choose_new_) {
        if (candidate_ == &thread) return;
        choose_new();
        return enqueue(thread);
    }
    candidate_ = &thread;
}

void Scheduler::forget(Tcb& thread) {
    if (candidate_ != &thread) return;
    candidate_ = nullptr;
    choose_new_ = true;
}

Tcb& Scheduler::decide(Tcb& current, Tcb& idle) {
    Tcb* const candidate = std::exchange(candidate_, nullptr);
    bool const choose = std::exchange(choose_new_, false);
    bool const current_runs = current.runnable() && current.domain == current_domain;
    if (!candidate && !choose) {
        if (current_runs || (current.state == ThreadState::idle && highest() < 0)) return current;
    } else if (candidate) { // a thread that was resumed waits at the head of its queue already, and stays there
        if (current_runs) {
            Tcb& next = beside_running(current, *candidate);
            if (&next == candidate) dequeue(next);
            return next;
        }
        bool const as_good = candidate->priority >= current.priority && current.state != ThreadState::idle;
        if (as_good || highest() <= candidate->priority) {
            dequeue(*candidate);
            return *candidate;
        }
        enqueue(*candidate);
    }
    if (current.runnable()) enqueue(current);
    return best_or(idle);
}

void Scheduler::set_priority(Tcb& thread, u8 priority, Tcb const& current) {
    dequeue(thread);
    thread.priority = priority;
    if (!thread.runnable()) return;
    if (&thread == &current) return choose_new();
    possible_switch(thread, current);
}

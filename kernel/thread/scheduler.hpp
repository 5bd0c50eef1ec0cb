// SPDX-License-Identifier: Apache-2.0
// Who runs next: ABI 8.9 and 8.10. Constant time in the number of threads.
#pragma once

#include <bit>

#include "kernel/thread/tcb.hpp"
#include "kernel/thread/thread_queue.hpp"

class Scheduler {
public:
    // The ready queue of the thread's priority. The running thread is in none.
    void enqueue(Tcb& thread);       // at the head
    void append(Tcb& thread);        // at the tail
    void dequeue(Tcb& thread);       // no effect when it is in none

    // This kernel entry woke `thread`: perhaps it runs next.
    void possible_switch(Tcb& thread, Tcb const& current);
    // Whoever is first runs next.
    void choose_new() {
        if (Tcb* const earlier = candidate_) enqueue(*earlier);
        candidate_ = nullptr;
        choose_new_ = true;
    }
    bool choosing() const { return choose_new_; }

    // The end of the kernel entry: who runs. `idle` when nobody can. The result is in no queue.
    Tcb& decide(Tcb& current, Tcb& idle);

    // The parts of it that the fast paths take. `woken` was woken in this entry and is in no queue.
    // The current thread blocked:
    Tcb& after_blocking(Tcb& current, Tcb& woken) {
        if (woken.priority >= current.priority || highest() <= woken.priority) return woken;
        enqueue(woken);
        return *first();
    }
    // The current thread goes on, if it may:
    Tcb& beside_running(Tcb& current, Tcb& woken) {
        if (woken.priority > current.priority) {
            enqueue(current);
            return woken;
        }
        if (woken.priority == current.priority) append(woken);
        else enqueue(woken);
        return current;
    }
    // The current thread yields: behind its peers.
    Tcb& after_yielding(Tcb& current) {
        if (!has_peer(current) && highest() < current.priority) return current;
        append(current);
        return *first();
    }
    // Nobody was woken, and the current thread blocked or stands in its queue:
    Tcb& best_or(Tcb& idle) {
        Tcb* const best = first();
        return best ? *best : idle;
    }

    // The thread goes to another priority; it may be running, ready or blocked.
    void set_priority(Tcb& thread, u8 priority, Tcb const& current);

    // Forgets a candidate that was stopped before the entry ended.
    void forget(Tcb& thread);

    // Waits another thread for the same share of the processor?
    bool has_peer(Tcb const& thread) const { return !ready_[domain_of(thread)][thread.priority].empty(); }

    // Every thread in a ready queue, for debug output.
    template <class Visit> void for_each_ready(Visit visit) const {
        for (auto const& domain : ready_)
            for (ThreadQueue const& queue : domain)
                for (Tcb const* thread = queue.head(); thread; thread = thread->queue_next) visit(*thread);
    }

    u8 current_domain{};

private:
    friend struct SchedulerInspector; // the tests': looks at queues and bitmap
    Tcb* first(); // of the highest non-empty queue in the current domain; leaves its queue
    // Priority of that queue, -1: none.
    int highest() const {
        Occupied const& occupied = occupied_[abi::domains == 1 ? 0 : current_domain];
        if (occupied.words == 0) return -1;
        int const word = std::bit_width(occupied.words) - 1;
        return word * 64 + static_cast<int>(std::bit_width(occupied.priorities[word])) - 1;
    }
    void mark(Tcb& thread); // as being in its ready queue
    ThreadQueue& queue_of(Tcb const& thread) { return ready_[domain_of(thread)][thread.priority]; }
    static unsigned domain_of(Tcb const& thread) { return abi::domains == 1 ? 0 : thread.domain; }

    ThreadQueue ready_[abi::domains][abi::priorities];
    struct Occupied {
        u64 priorities[abi::priorities / 64]; // a bit for each queue that is not empty
        unsigned words;                       // a bit for each of those words that is not 0
    };
    Occupied occupied_[abi::domains]{};
    Tcb* candidate_{};
    bool choose_new_{};
};

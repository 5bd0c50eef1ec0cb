// SPDX-License-Identifier: Apache-2.0
// What the root task tells a hostile thread, on the thread's own data page, and what it says back.
#pragma once

#include "abi/message.hpp"
#include "abi/profile.hpp"

struct Orders {
    u64 random;       // state of its random numbers, not 0
    u64 calls;        // system calls made so far
    u64 faults;       // of the worker, as its handler saw them
    u64 buffer;       // the worker's IPC buffer
    u64 handler_buffer;
    u64 window;       // 64 pages that it maps, unmaps and touches
    u64 worker, stack; // entry and stack pointer: where the handler sets the worker after a fault
    u64 fault_slot, worker_slot; // in the CNode: to receive faults from, and the worker's TCB
    u64 pair_count;
    struct Pair { // of a capability and invocations that it knows
        u16 slot, first_label, last_label;
    } pairs[128];
};
static_assert(sizeof(Orders) <= 4096);

// In the child, at Child::address_of. rdi: Orders.
extern "C" {
[[noreturn]] void hostile_worker(Orders* orders);  // makes random system calls and touches memory, for ever
[[noreturn]] void hostile_handler(Orders* orders); // answers the worker's faults: starts it again
[[noreturn]] void hostile_stubborn_handler(Orders* orders); // answers them and changes nothing: the worker faults for ever
void hostile_witness(); // checks its registers, rdi: a page of its own, for ever; UD2 if one is wrong
}

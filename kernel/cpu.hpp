// SPDX-License-Identifier: Apache-2.0
// What one processor is doing. Passed by reference; one per core.
#pragma once

#include "kernel/thread/tcb.hpp"

struct Cpu {
    Tcb* current{};         // the thread whose registers the processor holds; idle at start
    Tcb idle;               // runs when nobody can: halts until an interrupt
    Tcb* fpu_owner{};       // whose FPU state the processor holds; null: nobody's
    bool guest_ran{};       // the FPU's state is a guest's that is saved already: the current thread's must be loaded
    // Of the address space that is loaded: the word of its Pml4Cap that names it. 0: the kernel's own; unknown_space: look again.
    u64 loaded_space{unknown_space};
    static constexpr u64 unknown_space = ~u64{0};
    bool tick_runs{true};   // the 2 ms tick; it stops while nobody shares the processor with the current thread
    bool address_space_stale{}; // an address space changed under the current thread: load it anew

    Cpu() {
        idle.state = ThreadState::idle;
        idle.fpu_disabled = true;
        idle.set_name("idle");
        current = &idle;
    }
};

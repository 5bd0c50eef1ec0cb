// SPDX-License-Identifier: Apache-2.0
// What one processor is doing. Passed by reference; one per core.
#pragma once

#include "kernel/thread/tcb.hpp"

struct Cpu {
    Tcb* current{};         // the thread whose registers the processor holds; idle at start
    Tcb idle;               // runs when nobody can: halts until an interrupt
    Tcb* fpu_owner{};       // whose FPU state the processor holds; null: nobody's
    // Of the address space that is loaded: the word of its Pml4Cap that names it. 0: the kernel's own; unknown_space: look again.
    u64 loaded_space{unknown_space};
    static constexpr u64 unknown_space = ~u64{0};
    static constexpr u64 space_of_32_bit = ~u64{1}; // the one that the machine composes for 32-bit threads
    struct Space32 { // what that one was made of
        u64 root, shared, first, tables, visible; // words alone: tests compare them bytewise
        bool operator==(Space32 const&) const = default;
    } space_32{};
    bool tick_runs{true};   // the 2 ms tick; it stops while nobody shares the processor with the current thread
    // What must be loaded anew although the current thread goes on: its address space changed, or a guest ran (the FPU's state
    // is the guest's, which is saved already).
    u8 stale{};
    static constexpr u8 stale_space = 1, stale_fpu = 2;

    Cpu() {
        idle.state = ThreadState::idle;
        idle.fpu_disabled = true;
        idle.set_name("idle");
        current = &idle;
    }
};

// SPDX-License-Identifier: Apache-2.0
// The machine of the fuzzer: as little memory as a world needs, so that it can be put back in microseconds, and nothing that
// grows. What the kernel asks for is kept for the invariants; what the processor would stumble over ends the program at once.
#pragma once

#include "base/fixed_vector.hpp"
#include "kernel/machine/guest.hpp"
#include "kernel/machine/machine.hpp"

class Tcb;

namespace fuzz {

// Physical addresses that window() knows. Objects live in [ram_start, ram_end); behind it lies one frame of 2 MiB that is
// derived from no untyped memory, of which users touch a page or two.
inline constexpr u64 ram_start = u64{1} << 20;
inline constexpr u64 ram_end = ram_start + (u64{512} << 10);
inline constexpr u64 large_frame = u64{2} << 20;
inline constexpr u64 large_frame_end = u64{4} << 20;
inline constexpr u64 composed_tables = large_frame - (u64{64} << 10); // what a guest's root is composed in
inline constexpr u64 device_start = u64{1} << 33; // device memory: nobody reads it
inline constexpr PhysAddr kernel_root{0x1000};    // of the address space for threads without one
inline constexpr PhysAddr root_32{0x4000};        // of the address space that is composed for 32-bit threads
inline constexpr u64 kernel_entry = 0x2003;       // what add_kernel_part writes to entry 511
inline constexpr unsigned io_apic_pins = 24;

struct Machine { // put back together with the kernel's own state
    struct Invalidation {
        Asid asid;
        bool whole; // everything of the ASID
        VirtAddr address;
    };
    FixedVector<Invalidation, 32> invalidations; // of this call
    bool many_invalidations{};                   // more than fit
    PhysAddr loaded_root{};
    Asid loaded_asid{};
    Tcb const* ran_before{}; // current thread after the last kernel entry
    u64 space_32[4]{}; // as composed last
    u64 upper_32{};    // as loaded last
    bool in_32_bit{}, wide{};
    bool tick_runs{true};
    bool interrupt_pending{};
    bool fpu_enabled{};
    bool io_apic_routed[io_apic_pins]{};
    u64 ends_of_interrupt{};
    Ticks clock{};
    alignas(16) std::byte fpu[512]{};
    u64 large_pages_touched[(large_frame_end - large_frame) / 4096 / 64]{};
};

extern Machine machine_state;
extern std::byte arena_memory[large_frame_end - ram_start];
inline std::byte* arena() { return arena_memory; } // where ram_start is
inline u64 arena_offset(void const* in_arena) { return static_cast<u64>(static_cast<std::byte const*>(in_arena) - arena_memory); }

struct Halted {}; // thrown by machine::halt()

[[noreturn]] void stop(char const* why, u64 value = 0); // prints the program that led here, and aborts

} // namespace fuzz

// SPDX-License-Identifier: Apache-2.0
// What hardware does for the kernel core. machine/x86_64 does it with the processor, machine/host with an arena and a log.
// Nothing else in the kernel touches hardware, and only window() makes a pointer from a physical address.
#pragma once

#include "base/types.hpp"
#include "kernel/thread/context.hpp"

struct Asid {
    u16 value{}; // 0: none
    constexpr auto operator<=>(Asid const&) const = default;
};
using Ticks = u64; // of the time-stamp counter

namespace machine {

// Memory.
std::byte* window(PhysAddr address);      // the kernel's view of physical memory (RAM only)
PhysAddr physical(void const* in_window); // the inverse
u64 window_alignment_base();              // added to a physical address it gives the address whose alignment ABI 3.5 uses
void clear(void* start, u64 bytes);       // both multiples of 16

// Address spaces. A root is a PML4.
void load_address_space(PhysAddr root, Asid asid);
PhysAddr kernel_address_space();             // root with the kernel part only: for threads without a VSpace, and idle
void add_kernel_part(u64* pml4);             // fills the kernel's entries of a new root
void invalidate(Asid asid, VirtAddr address); // one page of one address space
void invalidate(Asid asid);                   // everything of one address space
bool execute_never_works();

// Threads.
void load_segment_bases(u64 fs_base, u64 gs_base);
void save_fpu(std::byte* image);       // 512 bytes, 16-aligned (FXSAVE)
void load_fpu(std::byte const* image); // FXRSTOR
void initial_fpu(std::byte* image);    // state after FNINIT, MXCSR 0x1f80
void enable_fpu(bool on);              // off: the next FPU or SSE instruction from user mode raises vector 7

// Interrupts. A line is what IRQControl_GetIOAPIC names: I/O APIC and pin.
inline constexpr u8 first_irq_vector = 0x30; // abstract vector 0 of ABI 7.4
inline constexpr u8 timer_vector = 157;      // the kernel's own tick, every 2 ms
inline constexpr u8 spurious_vector = 255;
unsigned io_apic_count();
unsigned io_apic_pins(unsigned io_apic);
void route_io_apic(unsigned io_apic, unsigned pin, bool level, bool active_low, u8 vector); // unmasked at once
void mask_io_apic(unsigned io_apic, unsigned pin, bool masked);
void end_of_interrupt();
bool interrupt_pending(); // for preemption points
Ticks now();

// I/O ports, by user level's request. bytes: 1, 2 or 4.
u32 port_in(u16 port, unsigned bytes);
void port_out(u16 port, unsigned bytes, u32 value);

// The debug console and the end.
void put_char(char c);
[[noreturn]] void halt();

} // namespace machine

// SPDX-License-Identifier: Apache-2.0
// What hardware does for the kernel core. machine/x86_64 does it with the processor, machine/host with an arena and a log.
// Nothing else in the kernel touches hardware, and only window() makes a pointer from a physical address.
#pragma once

#include "base/types.hpp"
#include "kernel/thread/context.hpp"

struct Asid {
    u16 value{}; // 0: none; 1 to 4095
    constexpr auto operator<=>(Asid const&) const = default;
};
using Ticks = u64; // of the time-stamp counter

namespace machine {

// Memory.
// The kernel's view of physical memory: RAM above 1 MiB only, 0 to 510 GiB. Read and write, never execute; the kernel's own text
// and constants cannot be written there either.
std::byte* window(PhysAddr address);
PhysAddr physical(void const* in_window); // the inverse; not for the kernel's own variables, which lie in the image
void clear(void* start, u64 bytes);       // both multiples of 16
void copy_words(u64* to, u64 const* from, u64 count); // the words do not overlap

// Address spaces. A root is a PML4. An ASID names one root at a time: call invalidate(asid) before it gets another.
void load_address_space(PhysAddr root, Asid asid);
PhysAddr kernel_address_space(); // root with the kernel part only: for threads without a VSpace, and idle; with ASID 0
void add_kernel_part(u64* pml4); // fills the kernel's entry (511) of a new root; the others are the caller's
// Forget what the processor remembers of page tables that were changed. Any ASID, loaded or not. To be called after the change
// and before anything relies on it, also when a paging structure (not only a page) is removed.
void invalidate(Asid asid, VirtAddr address); // one page of one address space
void invalidate(Asid asid);                   // everything of one address space
bool execute_never_works();                   // if not, bit 63 of a page entry must stay 0

// 32-bit threads, abi/thread32.hpp. Their 4 GiB are one more address space, of the machine's own: its four PDPT entries.
void compose_space_32(u64 const (&gibibytes)[4]); // takes effect with the next load
// Nothing that was in the TLB for it stays. upper: PML4 entry 1, what a wide thread has above its 4 GiB.
void load_space_32(u64 upper);
// The processor goes to a 32-bit thread, from one that is none or from another of them: the segments of its mode, bases 0. And it leaves them.
void begin_32_bit(bool wide);
void end_32_bit();

// Threads.
void load_segment_bases(u64 fs_base, u64 gs_base); // any value; a base that is not canonical is loaded as 0
// FXSAVE and FXRSTOR, with the FPU enabled: 512 bytes, 16-aligned. The image must come from save_fpu or initial_fpu.
void save_fpu(std::byte* image);
void load_fpu(std::byte const* image);
void initial_fpu(std::byte* image); // state after FNINIT, MXCSR 0x1f80
void enable_fpu(bool on);           // off: the next FPU or SSE instruction from user mode raises vector 7

// Interrupts. A line is what IRQControl_GetIOAPIC names: I/O APIC and pin, both checked by the caller against the counts here.
inline constexpr u8 first_irq_vector = 0x30; // abstract vector 0 of ABI 7.4
inline constexpr u8 timer_vector = 157;      // the kernel's own tick, every 2 ms
inline constexpr u8 spurious_vector = 255;   // never reported, never acknowledged
unsigned io_apic_count();
unsigned io_apic_pins(unsigned io_apic);
void route_io_apic(unsigned io_apic, unsigned pin, bool level, bool active_low, u8 vector); // to this processor; unmasked at once
void mask_io_apic(unsigned io_apic, unsigned pin, bool masked); // masking and unmasking keep the route
void end_of_interrupt();  // once for each InterruptEvent; a level-triggered line must be masked or served before
void run_tick(bool on);   // it runs at start; on: the next one comes a whole period later
bool interrupt_pending(); // one waits that the kernel would get next: for preemption points
Ticks now();

// I/O ports, by user level's request. bytes: 1, 2 or 4.
u32 port_in(u16 port, unsigned bytes);
void port_out(u16 port, unsigned bytes, u32 value);

// The debug console (COM1, polled; '\n' becomes CR LF) and the end.
void put_char(char c);
[[noreturn]] void halt(); // interrupts off, for ever; the caller has said why

} // namespace machine

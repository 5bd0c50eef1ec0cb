// SPDX-License-Identifier: Apache-2.0
// The world that every program starts in: six threads in three capability spaces and two address spaces, with at least one
// capability of every kind. It is made once, by system calls; then it is put back from a copy before each program.
#pragma once

#include "kernel/fuzz/machine.hpp"
#include "kernel/kernel.hpp"

namespace fuzz {

struct World {
    Kernel kernel;
    Cpu cpu;
    World() : kernel({.debug_calls = DebugCalls::all, .preemption_interval = 2}) {}
    Tcb& current() { return *cpu.current; }
};
extern std::byte world_storage[sizeof(World)];
inline World& world() { return *reinterpret_cast<World*>(world_storage); }

void make_world();  // once
void reset_world(); // as make_world left it

// One kernel entry, and the check of all invariants behind it.
void enter(Event const& event);

struct Message {
    u64 label{};
    u64 length{};
    u64 words[abi::max_message_words]{};
    unsigned cap_count{};
    u64 caps[abi::max_extra_caps]{};
};
// The running thread executes SYSCALL, at `at`.
void system_call(i64 number, u64 rdi, Message const& message, u64 at);
void put_message(Tcb& thread, Message const& message);

inline constexpr u64 code_address = 0x400000;      // where threads run
inline constexpr u64 library_start = 0x500000;     // the library OS of a thread with upcalls
inline constexpr u64 library_end = 0x600000;
inline constexpr u64 buffer_address = 0x10000000;  // of IPC buffers
inline constexpr unsigned root_radix = 7;          // of the first thread's capability space

// Slots of the first thread's capability space beside those of abi::initial_slot.
enum InitialSlot : u64 {
    main_untyped = 16, untyped_16k, untyped_4k, untyped_4k_second, untyped_64k,
    device_untyped_2g, device_untyped_4m, device_untyped_16k, large_ram_frame,
    first_thread = 25, // six of them; the first is a copy
    cnode_b = 32, cnode_c, cnode_d,
    endpoint, fault_endpoint, badged_endpoint, send_only_endpoint,
    notification, second_notification, third_notification, badged_notification,
    first_frame, // six of them, then two mapped copies
    mapped_frame = first_frame + 6, mapped_copy,
    device_page, device_large_page, device_huge_page,
    pdpt, page_directory, page_table, free_pdpt, free_page_directory, free_page_table,
    second_vspace, second_pdpt, free_pml4,
    nested_root, nested_pdpt, nested_pd, nested_pt, free_nested_root, free_nested_pdpt, free_nested_pd, free_nested_pt,
    nested_frame, vcpu, second_vcpu,
    io_apic_handler, msi_handler, ports, more_ports, second_pool, inner_untyped, cnode_copy,
    nest, // a CNode whose last slot holds the last capability to another, and so on; at the end two threads
    upper_pdpt = nest + 6, // at PML4 entry 1 of the second address space: what wide threads see
};
inline constexpr unsigned threads = 6;

} // namespace fuzz

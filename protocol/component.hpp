// SPDX-License-Identifier: Apache-2.0
// What root makes for a component and where the component finds it: its address space, its capabilities, its ComponentInfo.
//
// A component starts in the library OS (entry of the library OS image, rdi = info_address, rsp = top of its start stack);
// the library OS registers itself for upcalls, loads the component's program from the grant `program` and jumps to it.
#pragma once

#include "base/types.hpp"
#include "protocol/system.hpp"

namespace protocol {

// The address space. Root maps what is marked R, the library OS the rest.
//   0x0000'0000'0040'0000  the program (static ELF, not position independent), its brk area behind it
//   0x0000'1000'0000'0000  library OS: mmap area (1 TiB)
//   0x0000'2000'0000'0000  for the program's own mappings by capability (`user/`), the library OS keeps off
//   0x0000'6000'0000'0000  library OS: stack of the main thread, downward
//   0x0000'7000'0000'0000  R library OS image
inline constexpr u64 program_window = 0x0000200000000000;
inline constexpr u64 program_window_end = 0x0000400000000000;
inline constexpr u64 main_stack_top = 0x0000600000000000;
inline constexpr u64 os_image = 0x0000700000000000;
inline constexpr u64 info_address = 0x0000700100000000;       // R read-only, info_pages pages
inline constexpr u64 info_pages = 4;
inline constexpr u64 thread_page_address = 0x0000700200000000; // R read-write: the main thread's page, see below
inline constexpr u64 os_stack_top = 0x0000700300000000;        // R read-write: 16 KiB below: start and upcall stack, main thread
inline constexpr u64 os_stack_size = 0x4000;
inline constexpr u64 shared_pages_address = 0x0000700400000000; // R console pages (one for a client, one per client in the service)
inline constexpr u64 files_address = 0x0000710000000000;        // R read-only: files granted, each 4 KiB aligned
inline constexpr u64 devices_address = 0x0000720000000000;      // R read-write, uncached: device memory granted

// The first bytes of the library OS image: `syscall; ret`. A program's capability invocations go through it, because with
// upcalls on only code of the library OS makes native system calls (abi/upcall.hpp).
inline constexpr u64 gate_address = os_image;

// Each thread has a 4 KiB page: the IPC buffer first, the UpcallBlock behind it, the rest is the library OS's own.
// The library OS's return from an upcall finds it through GS: root starts the main thread with gs_base = thread_page_address.
inline constexpr u64 thread_page_upcall_offset = 1024;
inline constexpr u64 thread_page_private_offset = 2048;

// Fixed slots of a component's CNode (guard so that a CPtr is the slot's number, depth 64).
namespace slot {
inline constexpr u64 tcb = 1;         // main thread; its maximum controlled priority is its priority, threads it makes get that
inline constexpr u64 cnode = 2;
inline constexpr u64 vspace = 3;
inline constexpr u64 thread_page = 4; // frame of the main thread's page
inline constexpr u64 root = 5;        // endpoint to root, badged: faults and protocol/root.hpp
inline constexpr u64 events = 6;      // notification, read-write: everything that happens to the component (event bits below)
inline constexpr u64 memory = 8;      // untyped pieces, info.memory_count of them
inline constexpr u64 memory_end = 32;
inline constexpr u64 first_grant = 32; // then the grants, as their GrantInfo says
} // namespace slot

// Bits of the word that `events` delivers.
namespace event {
inline constexpr u64 console = 1 << 0; // client: input arrived, or room for output after the queue had been full
inline constexpr u64 timer = 1 << 1;   // client: the deadline armed has passed
inline constexpr u64 stop = 1 << 2;    // root asks the component to end
inline constexpr u64 first_irq = 1 << 8; // the component's n-th irq grant: first_irq << n, n < 8
inline constexpr u64 first_client = 1 << 16; // service: its n-th client rang: first_client << n, n < 32
// Badges of endpoint capabilities have this bit beside the number of the client, so that a server whose TCB is bound to
// `events` can tell a message from a notification.
inline constexpr u64 message = u64{1} << 63;
} // namespace event

struct GrantInfo {
    GrantKind kind;
    u32 slot_count;       // capabilities, from first_slot on
    char name[name_size];
    u64 first_slot;
    u64 first, second;    // as in the manifest's Grant (guest: first = bytes; file: second = its bytes)
    u64 address;          // where root mapped it; 0: not mapped
    // Capabilities by kind. io_ports: the ports. irq: the handler (its notification is set to `events` already).
    // device_memory: its frames, mapped. file: none. console: [0] notification that rings the service. timer: [0] endpoint.
    // serve_timer: [0] endpoint to receive on, [1] a CNode of 2^`first` slots for the reply capabilities of sleepers: it is
    // root's and outlives the service. serve_console: none, its clients are in ComponentInfo.
    // guest: [0] Vcpu (kind trap: empty), [1] nested root (EPT PML4) with an ASID, [2..] untyped pieces, largest first, sizes in
    // guest_size_bits. Kinds shadow and trap: `second` is the slot of an ASID pool of their own, kind nested: 0.
    u8 guest_size_bits[16]; // 0 behind the last piece
};

struct ClientInfo { // one for each client of a service, in order of badge
    char name[name_size];
    u64 page;  // console: address of the client's ConsolePage in the service
    u64 slot;  // notification to ring the client's `events`, badged event::console or event::timer
    u64 flags; // console: bit 0 gets the keyboard at start, bit 1 its lines carry no name (root)
};

inline constexpr unsigned max_grants = 24;
inline constexpr unsigned max_clients = 32;
inline constexpr unsigned max_arguments_size = 2048;

struct ComponentInfo {
    u64 magic; // archive_magic
    char name[name_size];
    u64 tsc_khz;              // frequency of the time-stamp counter
    u64 wall_clock_base;      // seconds since 1970 when the time-stamp counter was wall_clock_tsc
    u64 wall_clock_tsc;
    u64 first_free_slot;      // of the CNode; the library OS takes the first half of the free ones, the program the second
    u64 end_slot;
    u32 memory_count;         // untyped pieces at slot::memory
    u32 grant_count;
    u32 client_count;
    u32 argument_count;
    u64 program_size;         // bytes of the program's ELF file, mapped at program_address
    u64 program_address;
    u8 memory_size_bits[24];
    u64 random_seed[4];
    GrantInfo grants[max_grants];
    ClientInfo clients[max_clients];
    char arguments[max_arguments_size]; // argument_count NUL-terminated strings
};
static_assert(sizeof(ComponentInfo) <= info_pages * 4096);

} // namespace protocol

// SPDX-License-Identifier: Apache-2.0
// The boot archive: how the host tool hands a checked manifest and its files to service/root.
//
//   root task ELF = service/root + one more PT_LOAD segment, mapped at archive_address:
//   ┌────────┬─────────────┬──────────────┬─────────┬─────────┬──── 4 KiB aligned ────┬───────────────┐
//   │ Header │ Component[] │ Grant[]      │ File[]  │ strings │ file 0 │ padding      │ file 1 ...    │
//   └────────┴─────────────┴──────────────┴─────────┴─────────┴────────┴──────────────┴───────────────┘
// All offsets are bytes from archive_address. Everything was validated by the tool; root checks magic and version only.
#pragma once

#include "base/types.hpp"

namespace protocol {

inline constexpr u64 archive_address = 0x10000000;
inline constexpr u64 archive_magic = 0x3141524553534554; // "TESSERA1"
inline constexpr u32 archive_version = 1;
inline constexpr unsigned name_size = 32; // with the terminating NUL

struct ArchiveHeader {
    u64 magic;
    u32 version;
    u32 component_count;
    u32 grant_count;
    u32 file_count;
    u64 components; // offsets of the tables
    u64 grants;
    u64 files;
    u64 size; // of the whole archive in bytes
    char system_name[name_size];
};

enum class Restart : u32 { never, on_failure };

enum class Role : u32 {
    work,    // the system is over when all components of this role have stopped
    service, // stays for the others; started before all work
};

struct ComponentEntry {
    char name[name_size];
    u32 program;     // index of its ELF file
    u32 first_grant; // index
    u32 grant_count;
    Role role;
    Restart restart;
    u32 priority;    // 1..253; root has 254 and above to itself
    u64 memory;      // bytes of RAM for everything the component is made of (its kernel objects included), a multiple of 4 KiB
    u64 arguments;   // offset of argc NUL-terminated strings, one after the other (argv[0] included)
    u32 argument_count;
    u32 cnode_radix; // slots of its CSpace as a power of two, 8..16
};

enum class GrantKind : u32 {
    io_ports,      // first, second = first and last port
    irq,           // first = pin of I/O APIC 0, second = flags: bit 0 level triggered, bit 1 active low
    device_memory, // first = physical address, second = bytes (both 4 KiB multiples)
    file,          // first = index of the file, mapped read-only
    console,       // a page and a name on the console service; second bit 0: gets the keyboard at start
    timer,         // the timer service
    guest,         // first = bytes of guest RAM (2 MiB multiple): untyped memory; second = GuestKind: what runs it
    serve_console, // this component is the console service
    serve_timer,   // this component is the timer service
};

// What a guest's monitor gets beside the RAM, and which processors it needs.
enum class GuestKind : u64 {
    nested,       // Vcpu, nested root: SVM with nested paging
    shadow,       // Vcpu, nested root, ASIDs for more of them: SVM
    deprivileged, // nested root, ASIDs: any processor
};

struct Grant {
    GrantKind kind;
    u32 padding;
    char name[name_size]; // what the component calls it, unique in the component
    u64 first, second;
};

struct ArchiveFile {
    char name[64];
    u64 offset; // 4 KiB aligned
    u64 size;   // bytes; the rest of the last page is zero
};

// How root leaves the emulated machine: a byte to QEMU's isa-debug-exit, whose process then ends with 2 * value + 1.
inline constexpr u64 exit_port = 0xf4;
inline constexpr u64 exit_clean = 0x10;  // all work ended with status 0
inline constexpr u64 exit_failed = 0x11; // some work failed or could not be started

static_assert(sizeof(ArchiveHeader) == 88 && sizeof(ComponentEntry) == 80 && sizeof(Grant) == 56 && sizeof(ArchiveFile) == 80);

} // namespace protocol

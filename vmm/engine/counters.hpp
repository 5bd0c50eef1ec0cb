// SPDX-License-Identifier: Apache-2.0
// What an engine did for its guest beside the exits that it returned: the price of each technique.
#pragma once

#include <array>

#include "base/types.hpp"

namespace vmm {

// Stops of the guest that the engine dealt with by itself.
enum class InternalExit : u8 {
    shadow_fill,        // page fault of the shadow tables only: the guest's tables allow the access
    guest_page_fault,   // page fault that the guest gets
    guest_exception,    // other exception that the guest gets
    control_register,   // MOV to or from CR0, CR3, CR4, CLTS, LMSW, SMSW
    invalidate_page,    // INVLPG
    interrupt_flag,     // CLI, STI, PUSHF, POPF
    interrupt_return,   // IRET
    software_interrupt, // INT n, SYSENTER
    segment,            // segment registers, descriptor tables, far transfers
    code_scan,          // a page of guest kernel code runs for the first time, or again after a write
    other,              // any other privileged instruction
};
inline constexpr std::array<char const*, 11> internal_exit_names = {
    "shadow fills",    "guest page faults", "guest exceptions",    "control registers",
    "invlpg",          "interrupt flag",    "interrupt returns",   "software interrupts",
    "segments",        "code scans",        "other privileged instructions"};

struct EngineCounters {
    std::array<u64, internal_exit_names.size()> exits{};
    u64 guest_page_table_switches{}; // writes of CR3 by the guest
    u64 real_page_table_switches{};  // changes of the root that the processor uses for the guest
    u64 shadow_entries{};            // shadow entries made, the ones made ahead included
    u64 emulated_writes{};           // writes to guest page tables carried out by the emulator
    u64 evictions{};                 // shadow spaces given up because memory ran out
    u64 injected_interrupts{};
    u64 injected_exceptions{};
    u64 patches{}; // instructions replaced by a trap
    u64 thread_stops{}; // of the guest's own thread, if it has one: several exits may be dealt with at one
    // Binary translation.
    u64 translated_blocks{};
    u64 translated_bytes{};      // of the guest's code
    u64 chained_jumps{};         // from block to block
    u64 cache_misses{};          // stops because a jump was not chained
    u64 cache_hits{};            // of them, those whose block was there
    u64 emulated_instructions{}; // stops because of an instruction that is not translated
    u64 invalidated_blocks{};
    u64 cache_evictions{};

    void count(InternalExit exit) { ++exits[static_cast<std::size_t>(exit)]; }
};

} // namespace vmm

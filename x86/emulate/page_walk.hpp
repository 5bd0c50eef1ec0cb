// SPDX-License-Identifier: Apache-2.0
// Walks a guest's own page tables as the processor would (Intel SDM vol. 3, chapter 4; AMD APM vol.
// 2, chapter 5): no paging, two levels (4 MiB pages, PSE-36), PAE, four levels. Everything in the
// tables comes from the guest and may be anything: a walk reads at most four entries.
#pragma once

#include <array>

#include "x86/emulate/processor.hpp"

namespace x86 {

// Where the tables are. size: 4 or 8 bytes, `at` is a multiple of it.
class TableMemory {
public:
    virtual ~TableMemory() = default;
    // Where no RAM is, all ones: what a PC's bus gives.
    virtual u64 read_entry(GuestPhys at, unsigned size) = 0;
    // Sets accessed or dirty bits. Vanishes where no RAM is.
    virtual void write_entry(GuestPhys at, unsigned size, u64 value) = 0;
};

enum class PagingMode : u8 { unpaged, two_level, pae, four_level };

// The registers that say how tables are read, as the guest believes them to be.
struct Paging {
    u64 cr0{}, cr3{}, cr4{}, efer{};
    std::array<u64, 4> pdpte{}; // PAE: as loaded with CR3 (load_pdptes)
    u8 physical_bits{52};       // MAXPHYADDR: address bits of a processor's memory
    bool alignment_check{};     // RFLAGS.AC while CPL < 3: suspends SMAP

    PagingMode mode() const;
    bool no_execute() const; // bit 63 of entries forbids execution; otherwise it is reserved
};

// One entry on the way.
struct VisitedEntry {
    GuestPhys at{};
    u64 value{}; // before bits were set
    u8 size{};   // bytes: 4 or 8
    u8 level{};  // 1: page table, 2: page directory, 3: PDPT, 4: PML4
};

// How far a walk got, and what the entries together allow.
struct Walk {
    GuestPhys address{};                   // of the byte itself
    u8 page_bits{};                        // log2 of the page's size; unpaged: 21
    bool user{}, writable{}, executable{}; // by the entries alone: CR0.WP, SMEP, SMAP come on top
    bool global{};                         // counts only with CR4.PGE, which is looked at
    bool dirty{};
    u8 count{}; // of entries visited; PDPTEs of PAE are registers, not visited
    std::array<VisitedEntry, 4> entries{}; // the last one is the leaf, or what failed
};

enum class WalkFault : u8 { not_present, reserved_bit };

struct FailedWalk {
    WalkFault why{};
    Walk walk{}; // the last entry visited is the culprit
};

// Reads the entries for a linear address; no rights are checked, nothing is written.
std::expected<Walk, FailedWalk> walk(Paging const& paging, u64 linear, TableMemory& memory);

// Whether the processor allows the access to a page that a walk found. supervisor: CPL < 3 or an
// implicit access.
bool allows(Paging const& paging, Walk const& walk, Access access, bool supervisor);

// Sets the accessed bits of all entries, and the dirty bit of the leaf if it is a write.
void mark_used(Walk const& walk, bool write, TableMemory& memory);

// All together: the page behind an address, or the page fault that the guest gets.
OrException<Walk> translate_linear(Paging const& paging, u64 linear, Access access, bool supervisor,
                                   TableMemory& memory);

// The page fault for an access that a walk or its rights refuse.
Exception page_fault(Paging const& paging, u64 linear, Access access, bool supervisor, bool present,
                     bool reserved);

// PAE: what a load of CR3 reads; empty when a present PDPTE has reserved bits set (#GP).
std::optional<std::array<u64, 4>> load_pdptes(u64 cr3, u8 physical_bits, TableMemory& memory);

} // namespace x86

// SPDX-License-Identifier: Apache-2.0
// Without nested paging the processor translates a guest's linear addresses by one root. It is made of two, the thread's own for
// this guest address space and the one that all share (abi/shadow_root.hpp, docs/decisions/shadow-roots.md):
//
//   64-bit guest: a PML4              32-bit guest (PAE): a PDPT
//     0 ┌────────────────────┐          0 ┌────────────────────────┐
//       │ entries of own     │            │ entries of own[0]'s    │   whose own PDPT is the one that entry 0
//     n ├────────────────────┤          n ├────────────────────────┤   of the PML4 leads to
//       │ entries of shared  │            │ entries of shared[0]'s │
//   511 └────────────────────┘          3 └────────────────────────┘
//
// Copies of entries. GuestTags::tables() says when they are out of date.
#pragma once

#include <optional>

#include "kernel/memory/asid.hpp"
#include "kernel/thread/tcb.hpp"

enum class GuestPaging : u8 {
    nested,     // the root translates guest-physical addresses
    four_level, // linear ones of a guest in long mode
    pae,        // linear ones of another guest
};

// What translates for a guest.
struct GuestRoots {
    GuestPaging paging{};
    PageTable const* own{};
    PageTable const* shared{}; // null: none
    u64 first_shared{};        // linear address from which on it counts
    bool operator==(GuestRoots const&) const = default;
};

// Those of the thread; empty: one is missing or has no ASID any more, and may lead anywhere.
std::optional<GuestRoots> roots_of_guest(AsidTable const& asids, Tcb const& thread, GuestPaging paging);

inline constexpr unsigned pdpt_entries_of_pae = 4;

// The entries for the lowest 4 GiB, 1 GiB each, as they stand in the PDPTs; 0: nothing is there.
void compose_lowest(GuestRoots const& roots, u64 (&entries)[pdpt_entries_of_pae]);

// The memory of a composed root, in the kernel image: below 4 GiB, where a 32-bit guest's CR3 reaches.
struct ComposedTables {
    alignas(4096) u64 pml4[page_table_entries];
    alignas(32) u64 pdpt[pdpt_entries_of_pae];
};

class ComposedRoot {
public:
    // Where the processor finds the root, composed in `memory` (ComposedTables); not for nested paging. tables: GuestTags::tables().
    PhysAddr compose(GuestRoots const& roots, PhysAddr memory, u64 tables);

private:
    GuestRoots roots_{};
    u64 tables_{}; // 0: nothing was composed yet
};

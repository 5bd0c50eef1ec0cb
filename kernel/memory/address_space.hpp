// SPDX-License-Identifier: Apache-2.0
// Page tables of address spaces: finding entries, writing them, taking mappings away.
#pragma once

#include "kernel/capability/lookup.hpp"
#include "kernel/memory/asid.hpp"

class Kernel;

// The entry that translates `address` at the level where one entry spans 2^shift bytes (39, 30, 21 or 12).
// A level above that is missing, or is itself a large page: MissingCapability with that level's shift, from which user
// level knows which structure to make (ABI 7.7).
std::expected<u64*, LookupFailure> find_entry(PageTable& root, u64 address, unsigned shift);

// Entry of a page for user level.
u64 frame_entry(FrameCap const& frame, FrameRights rights, u64 attributes);
// Entry of a paging structure for user level.
u64 table_entry(PageTable const* table, u64 attributes);

// Which span one entry that points to such a structure has; 0 for what is no structure below the root.
unsigned entry_shift_of(CapType table_type);

// Takes the frame's own mapping away when it is still there.
void unmap_frame(Kernel& kernel, FrameCap const& frame);
// Takes a PDPT, page directory or page table out of its parent when it is still there.
void unmap_table(Kernel& kernel, Cap const& table);

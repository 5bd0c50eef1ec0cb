// SPDX-License-Identifier: Apache-2.0
// Second-stage tables: guest-physical to host-physical. The objects are called EPT after the API
// (ABI 7.11); on SVM they are long-mode page tables that the processor walks as user accesses, with
// the host's memory types (APM vol. 2, 15.25).
#pragma once

#include "kernel/memory/address_space.hpp"

namespace nested {

// An entry that maps the frame. Attributes of ABI 5.5: 0 UC, 1 WC, 4 WT, everything else
// write-back. 0 without the right to read: the page is there for nobody.
u64 frame_entry(FrameCap const& frame, FrameRights rights, u64 attributes);
// An entry that points to a table of the next level.
u64 table_entry(PageTable const* table);

// Which span an entry that points to such a table has; 0: it is no table below a nested root.
unsigned entry_shift_of(CapType table_type);

// Takes a frame's mapping, a table, or a whole root away where it is still there; guests see it at
// their next instruction.
void unmap_frame(Kernel& kernel, FrameCap const& frame);
void unmap_table(Kernel& kernel, Cap const& table);
void retire_root(Kernel& kernel, EptPml4Cap const& root);

} // namespace nested

// SPDX-License-Identifier: Apache-2.0
// Cutting physical memory into untyped pieces for the root task: ABI 3.5.
#pragma once

#include "abi/boot_info.hpp"
#include "kernel/boot/environment.hpp"

struct UntypedPiece {
    PhysAddr base;
    unsigned size_bits;
    bool device;
};

using UntypedList = FixedVector<UntypedPiece, abi::max_boot_untyped>;

// Appends [range.start, range.end) as the fewest pieces that are aligned to their size. What is smaller than 16 bytes, or
// finds no room in the list, is dropped.
void cut_into_pieces(MemoryRange range, bool device, UntypedList& list);

// All device memory below 2^47: every gap between RAM and the kernel's own devices, ascending.
void list_device_memory(Environment const& environment, UntypedList& list);

// RAM without `taken`, ascending.
using TakenRanges = FixedVector<MemoryRange, 4>;
void list_ram(Environment const& environment, TakenRanges const& taken, UntypedList& list);

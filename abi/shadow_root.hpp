// SPDX-License-Identifier: Apache-2.0
// Guests without nested paging (and threads that run 32-bit guest code): a monitor keeps the page tables that the processor
// uses, in EPT table objects, and translates guest-linear addresses straight to frames. docs/decisions/shadow-roots.md.
//
// FrameCarve on a frame, length 3, one capability: makes a capability to one 4 KiB page of the frame.
//   MR0 offset       of the page, bytes: a multiple of 4096, inside the frame
//   MR1 index        of the destination slot, which must be empty
//   MR2 depth
//   extra cap 0      CNode in which index and depth are looked up
// The new capability is not mapped, has the rights of the frame's and is its child: where the frame's capability is revoked, it
// disappears. (As with CNodeCopy: where that one is itself a copy, both are children of what it is a copy of.)
// Errors, in this order: TruncatedMessage; AlignmentError and RangeError(0, last offset); those of looking up a destination;
// DeleteFirst (the slot is not empty).
//
// X86PageMapEPT attributes (abi/profile.hpp) beside the memory type: ExecuteNever, and Supervisor, which leaves the entry's U/S bit
// clear. With nested paging a supervisor page is there for nobody. A page mapped without the right to read is there for nobody in
// any case: its entry stays empty.
//
// TCBSetSharedRoot on a TCB, length 1, one capability or none: the second root of a thread's guest.
//   MR0 first        linear address, a multiple of 1 GiB; bits above 47 are ignored
//   extra cap 0      EPT PML4 with an ASID; absent: the thread has no shared root any more
// From `first` on linear addresses are translated by the shared root, those below by the EPT root (TCBSetEPTRoot). What one entry of
// the guest's uppermost table spans is translated by one of them: 512 GiB for a 64-bit guest (`first` is rounded down), 1 GiB for a
// 32-bit one. The same holds for what is mapped later. So the mappings of a guest's kernel exist once for all its address spaces.
// With nested paging the shared root is ignored. Errors, in this order: TruncatedMessage; AlignmentError; IllegalOperation (no EPT
// PML4, or one without an ASID).
#pragma once

#include "base/types.hpp"

namespace abi {

inline constexpr u64 shared_root_address = (u64{1} << 48) - 1; // bits of MR0 that count

} // namespace abi

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/types.hpp"

namespace machine {

// The index if it is below `size`, otherwise 0: computed, not decided by a branch. For an index that a user named, behind the check
// that refuses it when it is too large: the processor may go on past that check before it knows the outcome, and must not read
// outside of the array even then (Spectre, CVE-2017-5753; docs/security.md).
inline u64 bounded_index(u64 index, u64 size) {
    u64 mask;
    asm volatile("cmp %[size], %[index]\n\tsbb %[mask], %[mask]" // all ones if the subtraction borrows
                 : [mask] "=r"(mask)
                 : [size] "r"(size), [index] "r"(index)
                 : "cc");
    return index & mask;
}

} // namespace machine

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/types.hpp"

namespace x86 {

inline constexpr u64 page_bytes = 4096;

// Bits 63 to 47 are equal: a linear address of 64-bit mode with four levels of tables.
constexpr bool is_canonical(u64 address) {
    return static_cast<u64>(static_cast<i64>(address << 16) >> 16) == address;
}

} // namespace x86

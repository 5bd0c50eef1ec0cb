// SPDX-License-Identifier: Apache-2.0
// Guest kernels: Linux bzImage files.
#pragma once

#include <span>

#include "tool/problem.hpp"

struct KernelImage {
    u64 run_size; // bytes of memory it needs from its load address on, to unpack itself (init_size)
    bool has_64_bit_entry;
};

// Linux Documentation/arch/x86/boot.rst: magic numbers, protocol 2.12 or later, nothing cut off.
std::expected<KernelImage, Flaw> check_bzimage(std::span<u8 const> bytes);

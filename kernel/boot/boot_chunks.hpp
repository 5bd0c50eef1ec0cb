// SPDX-License-Identifier: Apache-2.0
// The extra boot information: chunks behind the BootInfo frame, ABI 3.4.
#pragma once

#include "kernel/boot/environment.hpp"

u64 boot_chunks_length(Environment const& environment); // bytes
void write_boot_chunks(Environment const& environment, std::byte* to);

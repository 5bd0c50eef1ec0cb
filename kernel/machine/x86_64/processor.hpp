// SPDX-License-Identifier: Apache-2.0
// Control registers and memory types of the processor, once at boot.
#pragma once

namespace machine {
void enable_no_execute(); // before page tables use it
void harden_processor();  // write protection, SMEP, SMAP, UMIP, global pages, FPU, memory types (ABI 2.5)
} // namespace machine

// SPDX-License-Identifier: Apache-2.0
// Segments of real mode and of virtual-8086 mode: paragraphs of 16 bytes, without descriptors
// (Intel SDM vol. 3, chapter 21).
#pragma once

#include "x86/emulate/execution.hpp"

namespace x86 {

// What a load of the selector leaves in the register. Real mode changes the base alone: limit and
// rights that protected mode loaded stay, which programs use to reach all memory ("unreal mode").
Segment paragraph_segment(Execution& e, SegmentName name, u16 selector);

// IRET at level 0 whose flags image has VM set: the stack holds nine doublewords.
Done return_to_virtual_8086(Execution& e, u64 offset, u16 selector, u64 image);

// An event in real mode: IP, CS and FLAGS on the stack, a far pointer of 4 bytes in the table.
Done enter_real_handler(Execution& e, u8 number);

} // namespace x86

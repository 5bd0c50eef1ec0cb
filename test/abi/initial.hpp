// SPDX-License-Identifier: Apache-2.0
// What start.S found when the kernel entered the program.
#pragma once

#include "abi/message.hpp"

extern "C" {
extern abi::UserContext initial_registers; // without rip and segment bases
extern u16 initial_x87_control;
extern u32 initial_mxcsr;
extern u8 initial_xmm[32];                             // xmm0 and xmm15
extern u16 initial_selectors[2];                       // CS, SS
extern u32 selectors_through_fs, selectors_through_gs; // the same word, read with an FS and a GS prefix
}

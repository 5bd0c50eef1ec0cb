// SPDX-License-Identifier: Apache-2.0
// What the processor holds for a thread while it runs, and the kernel while it does not. machine/x86_64/entry.S knows the
// offsets; Context is the first member of Tcb.
#pragma once

#include "abi/message.hpp"
#include "abi/thread32.hpp"
#include "base/types.hpp"

struct Context {
    // registers.rip is FaultIP: where a thread in state Restart continues (ABI 4.5).
    abi::UserContext registers;
    // NextIP: where the return to user mode goes. SYSCALL entry: after the instruction (FaultIP = NextIP - 2).
    // Any other entry: both are the interrupted rip.
    u64 next_ip;
    // Not 0: the return must restore every register (IRETQ). 0: the thread came by SYSCALL and rcx, r11 may be lost (SYSRET).
    u64 restore_all;
    // What IRETQ loads into CS and SS: `selector`, or a 32-bit thread's, whose CS is its mode and which never come with restore_all = 0
    // (but in a wide thread's SYSCALL, until the kernel has found out).
    u64 code_selector;
    u64 stack_selector;
    alignas(64) std::byte fpu[512]; // FXSAVE image, in cache lines of its own
};
static_assert(offsetof(Context, next_ip) == 160 && offsetof(Context, restore_all) == 168 && offsetof(Context, fpu) == 192);

namespace selector { // of user mode: ABI 2.5, 4.2, and abi/thread32.hpp
inline constexpr u64 code = 0x2b;
inline constexpr u64 data = 0x33;
} // namespace selector

// Does the processor take it as an address? Bits 63 to 47 are alike.
constexpr bool is_canonical(u64 address) { return static_cast<u64>(static_cast<i64>(address << 16) >> 16) == address; }

namespace rflags { // Intel SDM vol. 1, 3.4.3
using Always1 = Bits<1>;
using Trap = Bits<8>;
using InterruptEnable = Bits<9>;
using Direction = Bits<10>;
inline constexpr u64 initial = 0x202;
inline constexpr u64 user = 0x254dd5; // CF PF AF ZF SF TF DF OF NT RF AC ID: entry.S lets no more through
} // namespace rflags

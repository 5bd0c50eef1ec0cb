// SPDX-License-Identifier: Apache-2.0
// Kernel extension 3, 32-bit threads: a thread that runs in 32-bit compatibility mode, so that code of a 32-bit guest can run directly
// and without privileges. Everything that it cannot do by itself is a message to its fault handler, which has all of its registers.
//
// TCBSetFlags, flag bit 1 (thread_flag::compatibility): the thread is a 32-bit one. Changing the bit stops the thread like TCBSuspend (what it
// waited for is cancelled); TCBResume, or WriteRegisters with resume, lets it go on in the new mode. The calling thread cannot
// change its own: IllegalOperation.
//
// - CS is a flat 32-bit code segment. DS, ES, SS, FS and GS get a flat data segment when the kernel goes to the thread from another one;
//   FS and GS then have the bases of its UserContext (low 32 bits). Interrupts leave them as the thread has set them.
//   The only selectors that can be loaded are null (not in SS) and those two (selector::), with any RPL that the processor allows;
//   they stand at the very end of the table, where guests have none. Any other selector is #GP.
// - Linear addresses are translated by the EPT root of the thread (TCBSetEPTRoot), from the first address of its shared root on by that
//   (abi/shadow_root.hpp, as for a 32-bit guest) while it is visible. The VSpace is not used. Without an EPT root, or with one of the two
//   that lost its ASID, nothing is mapped: page faults.
// - Registers are those of UserContext, low 32 bits; r8 to r15 keep their values. IOPL is 0, IF is 1: CLI, STI, POPF of IF, HLT, IN
//   and OUT are what they are in user mode.
// - It makes no system calls: SYSCALL, SYSENTER, INT n and every exception are fault messages with the label trap32. A Vcpu of the
//   thread means nothing. It has no upcalls: setting the flag ends those of the thread, and TCBSetUpcall is IllegalOperation.
//   Without a fault handler it stops (ABI 9.1).
// - Where sending the message was cancelled (its endpoint went away), the thread goes on at eip.
//
// Wide: its fault handler can let a 32-bit thread go on in 64-bit mode, to run code that a monitor has made of a guest's. The answer to a
// trap says in which mode the thread goes on; so does WriteRegisters, in its second byte (write_registers::Wide). CopyRegisters of the
// frame registers to it makes it 32-bit. It cannot change its mode by itself. While it is wide:
// - CS is a flat 64-bit code segment, selector32::wide_code; null, this one and selector32::data are all that can be loaded.
// - Linear addresses below 4 GiB are translated as ever. From 512 GiB to 1 TiB they are those of the thread's VSpace (PML4 entry 1),
//   which in 32-bit mode it cannot reach; nothing is mapped there without one. Nothing else is mapped for user mode.
// - All registers have 64 bits, r8 to r15 are in the messages. An instruction pointer or base in an answer that is not canonical is 0.
// - All else is as above: no system calls, the same flags and faults, the same message, but longer.
#pragma once

#include "base/types.hpp"

namespace abi {

namespace thread_flag { // TCBSetFlags
inline constexpr u64 fpu_disabled = 1;
inline constexpr u64 compatibility = 2; // a 32-bit thread
} // namespace thread_flag

// WriteRegisters, word 0, of a 32-bit thread.
namespace write_registers {
using Resume = Bits<0>;
using Wide = Bits<8>; // it goes on in 64-bit mode; without: in 32-bit mode
} // namespace write_registers

// The selectors of a 32-bit thread's segments, RPL 3. Of the two for code, the one of its mode is there.
namespace selector32 {
inline constexpr u64 wide_code = 0xfeb;
inline constexpr u64 code = 0xff3;
inline constexpr u64 data = 0xffb;
} // namespace selector32

// The words of the fault message. Without an IPC buffer only the first four arrive.
namespace trap32 {
inline constexpr unsigned event = 0;      // Event's bits
inline constexpr unsigned error_code = 1; // the processor's, 0 where it has none
inline constexpr unsigned address = 2;    // CR2 of a page fault, else 0
inline constexpr unsigned eip = 3;        // of a fault: the instruction; of a trap, INT n or SYSCALL: behind it
inline constexpr unsigned esp = 4;
inline constexpr unsigned eflags = 5; // as the processor saved them: RF may be set
inline constexpr unsigned eax = 6, ecx = 7, edx = 8, ebx = 9, ebp = 10, esi = 11, edi = 12; // SYSCALL overwrote ecx with eip
inline constexpr unsigned fs_base = 13, gs_base = 14; // of the UserContext
inline constexpr unsigned words = 15;
// Of a wide thread: each of the words above is a whole one, rip for eip and so on, and these follow.
inline constexpr unsigned r8 = 15, r15 = 22; // in order. SYSCALL overwrote r11 with the flags
inline constexpr unsigned wide_words = 23;

namespace event_word {
using Vector = Bits<7, 0>;
// INT n, INT3 or INTO through a gate that is open to user mode (vectors 3, 4 and 158 to 254); every other INT n is #GP with
// error code 8 n + 2.
using Software = Bits<8>;
using Syscall = Bits<9>; // the SYSCALL instruction, where the processor knows it in this mode (32-bit: AMD); vector 0
using Wide = Bits<10>;   // it was in 64-bit mode
} // namespace event_word
} // namespace trap32

// The words of the answer. What is missing at the end of a shorter message stays as it was. Label 0: the thread goes on; any other:
// it stops, with the new registers.
namespace trap32_reply {
inline constexpr unsigned flags = 0; // SharedRootVisible, Wide
inline constexpr unsigned eip = 1, esp = 2;
inline constexpr unsigned eflags = 3; // CF PF AF ZF SF TF DF OF NT RF AC ID count, IF is set
inline constexpr unsigned eax = 4, ecx = 5, edx = 6, ebx = 7, ebp = 8, esi = 9, edi = 10;
inline constexpr unsigned fs_base = 11, gs_base = 12;
inline constexpr unsigned words = 13;
// Of one that makes the thread wide: whole words, and these follow.
inline constexpr unsigned r8 = 13, r15 = 20; // in order
inline constexpr unsigned wide_words = 21;

// 0: linear addresses from the shared root's first one on are not mapped. 1, as at first and after TCBSetSharedRoot: the root is used.
using SharedRootVisible = Bits<0>;
using Wide = Bits<1>; // the thread goes on in 64-bit mode
} // namespace trap32_reply

} // namespace abi

// SPDX-License-Identifier: Apache-2.0
// Kernel extension 2, upcalls: a thread's own library OS answers its system calls and exceptions, in the same thread.
//
// TCBSetUpcall on a TCB, length 6, no capabilities:
//   MR0 entry        user address where an upcall starts; 0 turns upcalls off
//   MR1 stack        value of rsp at the entry
//   MR2 range start  the library OS: code in [start, end) makes native system calls and gets ordinary faults
//   MR3 range end
//   MR4 block        virtual address of this thread's UpcallBlock. It must lie in the 4 KiB page of the thread's IPC
//                    buffer, behind the buffer or before it, 8-aligned: the kernel reaches it through the same frame
//                    capability, wherever user level has mapped it.
//   MR5 causes       set of UpcallCauses bits
// Errors, in this order: TruncatedMessage (length < 6); InvalidArgument(0) entry, (1) stack, (2) range, (4) block above the
// user's part of the address space or the range reversed; AlignmentError (block); IllegalOperation (the thread has no writable
// IPC buffer, or the block is not in its page).
//
// An upcall happens instead of the ordinary seL4 path when all of this holds: the cause is in the set; the interrupted
// rip is outside the range; block.active is 0; the thread still has its buffer frame. With the cause `system_call`,
// *every* SYSCALL from outside the range is an upcall, whatever rdx holds (Linux' third argument may look like a seL4 number).
// The kernel stores the cause and the interrupted registers in the block, sets active to 1 and continues the same thread with
// rip = entry, rsp = stack, rdi = block, rflags = 0x202, all other registers unchanged.
// The way back needs no kernel: inside its range the library OS clears active, restores the registers and ends with iretq
// (or sets fs_base by system call before). Nothing between those two can start another upcall, because the range excludes it.
#pragma once

#include "abi/message.hpp"

namespace abi {

enum class UpcallCause : u64 { none, system_call, exception, page_fault, time_slice };

namespace upcall_causes { // the set in MR5
inline constexpr u64 system_call = 1;
inline constexpr u64 exception = 2; // exceptions and page faults
inline constexpr u64 time_slice = 4; // one tick of grace before the ordinary preemption
} // namespace upcall_causes

struct UpcallBlock {
    u64 active;           // the library OS clears it; the kernel starts an upcall only when it is 0
    u64 cause;            // UpcallCause
    u64 exception_number; // processor's vector, for exception and page_fault
    u64 error_code;       // the processor's
    u64 fault_address;    // CR2, for page_fault
    UserContext saved;    // rip: after the SYSCALL instruction for system_call, else the interrupted instruction
};
static_assert(sizeof(UpcallBlock) == 200);

} // namespace abi

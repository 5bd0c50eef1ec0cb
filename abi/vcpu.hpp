// SPDX-License-Identifier: Apache-2.0
// Kernel extension 1, virtual CPUs, as the monitor sees them on either vendor: the words of VMEnter (ABI 7.12, 64-bit
// guests). VMCS fields, exit reasons and qualifications keep Intel's numbers (x86/vmcs.hpp); on AMD the kernel translates.
#pragma once

#include "base/types.hpp"

namespace abi {

// VMEnter takes MR0 guest rip, MR1 primary processor-based controls, MR2 entry interruption info.
// It returns rsi = 0 (the bound notification fired; rdi = its word, MR0..MR2 current) or 1 (an exit;
// all words). What a monitor has to know beyond that:
//
// - Interrupts of the host end the guest's turn, not the system call.
// - An event whose delivery an exit interrupted comes back in MR2 with its valid bit set: pass it
//   back, or inject something else only after it. IDT-vectoring information says the same.
// - The shadow of STI and MOV SS (interruptibility) ends when VMEnter continues at another rip than
//   the exit's.
// - Reason and qualification all ones: no entry took place, the state is one that the processor
//   refuses, or the thread has no EPT root with an ASID.
// - A thread that is suspended or loses its Vcpu returns from VMEnter with rsi = 0 and rdi = 0.
// - Without nested paging (secondary control "enable EPT" clear) the EPT root and the shared root translate the guest's linear
//   addresses straight to frames: abi/shadow_root.hpp. MOV to and from CR3, MOV to CR0 and CR4, INVLPG and task switches exit
//   then, asked for or not. guest_cr0 must have PE and PG and guest_cr4 PAE, else no entry takes place: what the guest believes is
//   the monitor's business (read shadows). guest_cr3 and the word cr3 are what the monitor wrote last; the processor uses neither.
// - MSR 0x48b (VCPUReadMSR; SDM appendix A.3.3) says which secondary controls may be set: without bit 33 the processor has no nested
//   paging, and an entry with it fails. It is set in a new Vcpu.
// - VMCS field 0x68fe, ours, is the guest's CR2, for page faults that the monitor injects.
// - Without SVM the type Vcpu does not exist: Retype says InvalidArgument(0). The EPT tables are there on any processor.
namespace vm_message {
inline constexpr unsigned rip = 0;
inline constexpr unsigned primary_controls = 1;
inline constexpr unsigned entry_interruption = 2;
inline constexpr unsigned exit_reason = 3;
inline constexpr unsigned qualification = 4;
inline constexpr unsigned instruction_length = 5; // bytes; 0 where the processor does not tell and the kernel can't know
inline constexpr unsigned guest_physical = 6;
inline constexpr unsigned rflags = 7;
inline constexpr unsigned interruptibility = 8;
inline constexpr unsigned cr3 = 9;
inline constexpr unsigned registers = 10; // rax rbx rcx rdx rsi rdi rbp r8..r15: 15 words
inline constexpr unsigned words = 25;
} // namespace vm_message

inline constexpr u64 vm_entry_notification = 0;
inline constexpr u64 vm_entry_exit = 1;

// The order of VCPUWriteRegisters' words and of vm_message::registers.
struct VcpuRegisters {
    u64 rax{}, rbx{}, rcx{}, rdx{}, rsi{}, rdi{}, rbp{};
    u64 r8{}, r9{}, r10{}, r11{}, r12{}, r13{}, r14{}, r15{};
};
static_assert(sizeof(VcpuRegisters) == 15 * 8);

} // namespace abi

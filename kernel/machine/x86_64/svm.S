// SPDX-License-Identifier: Apache-2.0
// One run of a guest: APM vol. 2, 15.5 and 15.17.
#include "kernel/machine/x86_64/guest_offsets.h"

    .section .text
    .globl svm_run

// void svm_run(GuestFrame* frame, u64 host_vmcb): interrupts off before and after. VMRUN switches rax, rsp, rip, flags, control
// registers, descriptor tables and CS, SS, DS, ES; VMLOAD and VMSAVE switch FS, GS, TR, LDTR and the system call registers; the
// rest is done here, or by the caller (FPU, debug registers).
    .balign 64
svm_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rsi
    push %rdi
    clgi
    sti // with V_INTR_MASKING it is the host's flag that lets interrupts end the guest's run; none comes while GIF is clear
    mov %rsi, %rax
    vmsave %rax
    mov GUEST_VMCB(%rdi), %rax
    vmload %rax
    mov GUEST_RBX(%rdi), %rbx
    mov GUEST_RCX(%rdi), %rcx
    mov GUEST_RDX(%rdi), %rdx
    mov GUEST_RSI(%rdi), %rsi
    mov GUEST_RBP(%rdi), %rbp
    mov GUEST_R8(%rdi), %r8
    mov GUEST_R9(%rdi), %r9
    mov GUEST_R10(%rdi), %r10
    mov GUEST_R11(%rdi), %r11
    mov GUEST_R12(%rdi), %r12
    mov GUEST_R13(%rdi), %r13
    mov GUEST_R14(%rdi), %r14
    mov GUEST_R15(%rdi), %r15
    mov GUEST_RDI(%rdi), %rdi
    vmrun %rax
    vmsave %rax
    push %rdi
    mov 8(%rsp), %rdi
    mov %rbx, GUEST_RBX(%rdi)
    mov %rcx, GUEST_RCX(%rdi)
    mov %rdx, GUEST_RDX(%rdi)
    mov %rsi, GUEST_RSI(%rdi)
    mov %rbp, GUEST_RBP(%rdi)
    mov %r8, GUEST_R8(%rdi)
    mov %r9, GUEST_R9(%rdi)
    mov %r10, GUEST_R10(%rdi)
    mov %r11, GUEST_R11(%rdi)
    mov %r12, GUEST_R12(%rdi)
    mov %r13, GUEST_R13(%rdi)
    mov %r14, GUEST_R14(%rdi)
    mov %r15, GUEST_R15(%rdi)
    pop %rax
    mov %rax, GUEST_RDI(%rdi)
    pop %rdi
    pop %rax // the host's VMCB
    vmload %rax
    cli
    stgi // what interrupted the guest stays pending
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    // The guest's values must not be there for speculation to use.
    xor %ecx, %ecx
    xor %edx, %edx
    xor %esi, %esi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    ret

    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// The test guest's image: its header, the 64-bit entry, and what exceptions need before C++ can look at them.

    .set has_64_bit_entry, 1
    .set vectors, 64
#include "test/guests/start.h"

    .section .entry, "ax"
    ud2                             // the 32-bit entry: nobody uses it
    .org 0x200
    lea stack_top(%rip), %rsp
    mov %rsi, %rdi                  // boot parameters
    call guest_main
    ud2

    .bss
    .balign 16
    .skip 16384
stack_top:

    .text
exception:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call on_exception
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

// int call_guarded(void (*function)(void*), void* argument): the vector of the exception that ended it, or -1.
    .globl call_guarded
call_guarded:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    mov %rsp, guarded_stack(%rip)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    mov $-1, %eax
// on_exception continues here with the stack that was kept and the vector in RAX.
    .globl leave_guarded
leave_guarded:
    cld
    movq $0, guarded_stack(%rip)
    add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .section .note.GNU-stack, "", @progbits

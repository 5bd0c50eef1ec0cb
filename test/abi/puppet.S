// SPDX-License-Identifier: Apache-2.0
// What a puppet executes. Its FS base is its PuppetState (puppet.hpp), so that all of its registers can be set before an
// instruction and kept after it.
    .text
    .globl puppet_syscall, puppet_after_syscall, puppet_store, puppet_program, puppet_yield_forever
puppet_syscall:
    syscall
puppet_after_syscall:
puppet_store:
    mov %rsp, %fs:8
    mov %fs:176, %rsp
    pushfq
    popq %fs:16
    mov %rax, %fs:24
    mov %rbx, %fs:32
    mov %rcx, %fs:40
    mov %rdx, %fs:48
    mov %rsi, %fs:56
    mov %rdi, %fs:64
    mov %rbp, %fs:72
    mov %r8, %fs:80
    mov %r9, %fs:88
    mov %r10, %fs:96
    mov %r11, %fs:104
    mov %r12, %fs:112
    mov %r13, %fs:120
    mov %r14, %fs:128
    mov %r15, %fs:136
park:
    incq %fs:160
1:  mov %fs:168, %rdi
    mov $-5, %rdx
    syscall
    jmp 1b

    // A C++ function: rax(rdi), on the puppet's stack.
puppet_program:
    call *%rax
    jmp park

    // A thread that always wants to run, and counts.
puppet_yield_forever:
    incq %fs:160
    jmp puppet_yield_forever
    .section .note.GNU-stack, "", @progbits

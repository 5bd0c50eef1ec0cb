// SPDX-License-Identifier: Apache-2.0
// The gate of programs that rely on the ABI only: rsp is undefined after SYSCALL (4.2), rbx is kept.
    .text
    .globl user_gate
user_gate:
    push %rbx
    mov %rsp, %rbx
    syscall
    mov %rbx, %rsp
    pop %rbx
    ret
    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// The gate of programs that enter the kernel themselves: root tasks and the library OS.
    .text
    .globl user_gate
    .type user_gate, @function
user_gate:
    syscall
    ret
    .size user_gate, . - user_gate
    .section .note.GNU-stack, "", @progbits

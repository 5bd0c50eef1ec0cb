// SPDX-License-Identifier: Apache-2.0
// System calls that the kernel does not know, for ever.
    .text
    .globl bench_unknown_calls
bench_unknown_calls:
    mov $100, %rdx
1:  syscall
    jmp 1b
    .section .note.GNU-stack, "", @progbits

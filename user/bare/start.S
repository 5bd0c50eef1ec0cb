// SPDX-License-Identifier: Apache-2.0
// Entry of a bare root task: rdi = BootInfo, no stack yet (ABI 2.5).
    .text
    .globl _start
_start:
    lea start_stack_top(%rip), %rsp
    xor %ebp, %ebp
    call user_bare_start
    ud2

    .bss
    .balign 16
    .skip 65536
start_stack_top:
    .section .note.GNU-stack, "", @progbits

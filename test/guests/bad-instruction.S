// SPDX-License-Identifier: Apache-2.0
// The handler of an invalid instruction returns to it: a loop without progress.
#include "test/guests/guest.h"
    lea stack(%rip), %rsp
    lea handler(%rip), %rax
    lea table + 6 * 16(%rip), %rdi
    mov %ax, (%rdi)               // an interrupt gate, SDM vol. 3, 6.14.1
    movw $0x10, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    shr $16, %rax
    mov %ax, 6(%rdi)
    shr $16, %rax
    mov %eax, 8(%rdi)
    lea table(%rip), %rax
    mov %rax, table_register + 2(%rip)
    lidt table_register(%rip)
    ud2
handler:
    iretq
table_register:
    .word 7 * 16 - 1
    .quad 0
    .balign 16
table:
    .fill 7 * 16
    .fill 256
stack:
#include "test/guests/end.h"

// SPDX-License-Identifier: Apache-2.0
// A thread that has nothing to do with the hostile ones. Its registers, FPU and memory must stay as they are; it counts its rounds
// in the first word of its page, at rdi.
#define ALL_REGISTERS rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
#define ALL_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

    .section .attacks, "ax", @progbits
    .globl hostile_witness
hostile_witness:
    movabs $0x1122334455667788, %rax
    mov %rax, 8(%rdi)
    fninit
    fldpi
    .irp register, ALL_REGISTERS
    rol $5, %rax
    mov %rax, %\register
    .endr
    .irp number, ALL_NUMBERS
    rol $5, %rax
    movq %rax, %xmm\number
    .endr

1:  movabs $0x1122334455667788, %rax
    cmp %rax, 8(%rdi)
    jne 2f
    .irp register, ALL_REGISTERS
    rol $5, %rax
    cmp %rax, %\register
    jne 2f
    .endr
    .irp number, ALL_NUMBERS
    rol $5, %rax
    movq %xmm\number, -8(%rsp)
    cmp %rax, -8(%rsp)
    jne 2f
    .endr
    fldpi
    fucomip %st(1), %st
    jne 2f
    jp 2f
    incq (%rdi)
    mov %rcx, -16(%rsp) // the three registers that Yield takes
    mov %r11, -24(%rsp)
    mov %rdx, -32(%rsp)
    mov $-7, %rdx
    syscall
    mov -16(%rsp), %rcx
    mov -24(%rsp), %r11
    mov -32(%rsp), %rdx
    jmp 1b
2:  ud2

    .section .note.GNU-stack, "", @progbits

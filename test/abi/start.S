// SPDX-License-Identifier: Apache-2.0
// Entry of the conformance programs: keeps what the kernel put into the registers for the checks of section 2.5.
    .text
    .globl _start
_start:
    mov %rax, initial_registers + 24
    mov %rbx, initial_registers + 32
    mov %rcx, initial_registers + 40
    mov %rdx, initial_registers + 48
    mov %rsi, initial_registers + 56
    mov %rdi, initial_registers + 64
    mov %rbp, initial_registers + 72
    mov %r8, initial_registers + 80
    mov %r9, initial_registers + 88
    mov %r10, initial_registers + 96
    mov %r11, initial_registers + 104
    mov %r12, initial_registers + 112
    mov %r13, initial_registers + 120
    mov %r14, initial_registers + 128
    mov %r15, initial_registers + 136
    mov %rsp, initial_registers + 8
    lea stack_top(%rip), %rsp
    pushfq
    popq initial_registers + 16
    fnstcw initial_x87_control
    stmxcsr initial_mxcsr
    movups %xmm0, initial_xmm
    movups %xmm15, initial_xmm + 16
    mov %cs, initial_selectors
    mov %ss, initial_selectors + 2
    mov %fs:initial_selectors, %eax // the same word, if the FS base is 0
    mov %eax, selectors_through_fs
    mov %gs:initial_selectors, %eax
    mov %eax, selectors_through_gs
    xor %ebp, %ebp
    call start
    ud2

    .bss
    .balign 16
    .skip 0x40000
stack_top:
    .globl initial_registers, initial_x87_control, initial_mxcsr, initial_xmm, initial_selectors
    .globl selectors_through_fs, selectors_through_gs
initial_registers:
    .skip 160
initial_xmm:
    .skip 32
initial_x87_control:
    .skip 4
initial_mxcsr:
    .skip 4
initial_selectors:
    .skip 4
selectors_through_fs:
    .skip 4
selectors_through_gs:
    .skip 4
    .section .note.GNU-stack, "", @progbits

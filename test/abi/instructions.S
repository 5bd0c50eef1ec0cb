// SPDX-License-Identifier: Apache-2.0
// Instructions for puppets. Each is followed by what keeps the registers.
    .text
.macro instruction name:req, text:vararg
    .globl \name
\name:
    \text
    jmp puppet_store
.endm
    instruction do_int3, int3
    instruction do_int_3, .byte 0xcd, 3
    instruction do_int_0, int $0
    instruction do_int_32, int $32
    instruction do_int_48, int $48
    instruction do_int_128, int $128
    instruction do_int_157, int $157
    instruction do_int_158, int $158
    instruction do_int_200, int $200
    instruction do_int_254, int $254
    instruction do_int_255, int $255
    instruction do_in, in %dx, %al
    instruction do_out, out %al, %dx
    instruction do_cli, cli
    instruction do_hlt, hlt
    instruction do_rdmsr, rdmsr
    instruction do_sysenter, sysenter
    instruction do_ud2, ud2
    instruction do_divide, div %rcx
    instruction do_read, mov (%rax), %rbx
    instruction do_write, mov %rbx, (%rax)
    instruction do_jump, jmp *%rax
    instruction do_fpu, fld1
    instruction do_sse, movups %xmm0, %xmm1
    instruction do_rdfsbase, rdfsbase %rax
    instruction do_read_tls, mov %fs:0, %rbx

    instruction do_read_gs, mov %gs:0, %rbx

    // FPU state from rax (XMM7) and the words at rsp: MXCSR, x87 control word. And back: rbx, rcx.
    .globl do_set_fpu, do_get_fpu
do_set_fpu:
    movq %rax, %xmm7
    mov %rcx, (%rsp)
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    jmp puppet_store
do_get_fpu:
    movq %xmm7, %rbx
    movq $0, (%rsp)
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    mov (%rsp), %rcx
    jmp puppet_store

    // With the trap flag on: rflags from rax, which the exception after the NOP shows.
    .globl do_single_step, do_single_step_end
do_single_step:
    push %rax
    popfq
    nop
do_single_step_end:
    jmp puppet_store

    // 1 / 0 with that exception unmasked.
    .globl do_x87_error, do_x87_wait
do_x87_error:
    fninit
    movl $0x37b, (%rsp)
    fldcw (%rsp)
    fld1
    fldz
    fdivrp
do_x87_wait:
    fwait
    jmp puppet_store

    .globl do_simd_error, do_simd_divide
do_simd_error:
    movl $0x1d80, (%rsp) // divide by zero unmasked
    ldmxcsr (%rsp)
    xorps %xmm1, %xmm1
    mov $1, %eax
    cvtsi2ss %eax, %xmm0
do_simd_divide:
    divss %xmm1, %xmm0
    jmp puppet_store
    .section .note.GNU-stack, "", @progbits

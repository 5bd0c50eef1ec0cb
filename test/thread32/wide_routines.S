// SPDX-License-Identifier: Apache-2.0
// What wide threads run: wide_routines.hpp. UD2 is how they say that they got so far.
    .section .attacks, "ax", @progbits
    .code64

.macro routine name
    .globl \name
\name:
.endm
.macro end
    ud2
.endm

    routine wide_count
    .irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    inc %\register
    .endr
    end
    routine wide_flags
    pushfq
    pop %rdx
    mov %rsp, %rbx
    end
    routine wide_popf
    push %rax
    popfq
    pushfq
    pop %rax
    push $2
    popfq
    end
    routine wide_selectors
    mov %cs, %eax
    mov %ss, %ebx
    mov %ds, %ecx
    mov %es, %edx
    mov %fs, %esi
    mov %gs, %edi
    end
    .irp segment, ds, es, fs, gs, ss
    routine wide_load_\segment
    mov %eax, %\segment
    mov %\segment, %ebx
    end
    .endr
    routine wide_read_fs
    mov %fs:0, %rax
    mov %gs:8, %rcx
    end
    routine wide_far_jump
    ljmp *(%rbx)
    end
    routine wide_far_jump_64
    rex.W ljmp *(%rbx)
    end
    routine wide_far_call
    lcall *(%rbx)
    end
    routine wide_far_return
    lretq
    end
    routine wide_far_return_32
    lretl
    end
    routine wide_interrupt_return
    iretq
    end
    routine wide_interrupt_return_32
    iretl
    end
    // 0 in eax says that this is 64-bit code, where 0x48 is a prefix and not DEC.
    routine wide_target
    xor %eax, %eax
    .byte 0x48, 0x90
    mov %cs, %ecx
    end
    routine wide_read
    mov (%rbx), %rax
    end
    routine wide_write
    mov %rax, (%rbx)
    end
    routine wide_execute
    jmp *%rbx
    routine wide_push
    push %rax
    end
    routine wide_steps
    inc %eax
    inc %ecx
    inc %edx
    end
    routine wide_spin // counts at (%rbx) for ever; changes r8, r9 in between
1:  incl (%rbx)
    lea 1(%r8), %r8
    lea -1(%r9), %r9
    jmp 1b

    .section .note.GNU-stack, "", @progbits

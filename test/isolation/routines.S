// SPDX-License-Identifier: Apache-2.0
// Attacks with arguments: attacks.hpp.
    .section .attacks, "ax", @progbits
    .globl attack_end

.macro routine name
    .globl \name
\name:
.endm
.macro end
    ud2
.endm

    routine attack_end
    end
    routine attack_system_call
    syscall
    routine attack_end_of_call
    end
    routine attack_read
    mov (%rdi), %al
    end
    routine attack_read_word
    mov (%rdi), %rax
    end
    routine attack_write
    mov %al, (%rdi)
    end
    routine attack_execute
    jmp *%rdi
    routine attack_read_fs
    mov %fs:0, %al
    end
    routine attack_read_gs
    mov %gs:0, %al
    end
    routine attack_push
    push %rax
    end
    routine attack_popf
    push %rdi
    popfq
    pushfq
    pop %rax
    pushq $2
    popfq
    end
    routine attack_popf_call
    mov $1234, %edx
    push %rdi
    popfq
    syscall
    end
    routine attack_flags
    pushfq
    pop %rax
    pushq $2
    popfq
    end
    routine attack_in8
    in %dx, %al
    end
    routine attack_in16
    in %dx, %ax
    end
    routine attack_in32
    in %dx, %eax
    end
    routine attack_out8
    out %al, %dx
    end
    routine attack_out16
    out %ax, %dx
    end
    routine attack_out32
    out %eax, %dx
    end
    .irp segment, ds, es, fs, gs, ss
    routine attack_load_\segment
    mov %edi, %\segment
    mov %\segment, %eax
    end
    .endr
    routine attack_selectors
    mov %gs, %eax
    mov %fs, %ecx
    shl $16, %rax
    or %rcx, %rax
    mov %es, %ecx
    shl $16, %rax
    or %rcx, %rax
    mov %ds, %ecx
    shl $16, %rax
    or %rcx, %rax
    end
    routine attack_spin_no_stack
    mov %rdi, %rsp
    routine attack_spin
1:  dec %rcx
    jnz 1b
    end
    routine attack_spin_for_ever
1:  jmp 1b
    routine attack_load_fpu
    fxrstor64 (%rdi)
    end
    routine attack_save_fpu
    fxsave64 (%rdi)
    end
    routine attack_touch_call_touch
    mov (%rbx), %rax
    syscall
    mov (%rbx), %r12
    end
    routine attack_touch_call_write
    mov (%rbx), %rax
    syscall
    mov %r12, (%rbx)
    end

    .section .note.GNU-stack, "", @progbits

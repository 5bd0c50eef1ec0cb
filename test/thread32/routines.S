// SPDX-License-Identifier: Apache-2.0
// What 32-bit threads run: routines.hpp. UD2 is how they say that they got so far.
    .section .attacks, "ax", @progbits
    .code32

.macro routine name
    .globl \name
\name:
.endm
.macro end
    ud2
.endm

    routine guest_count
    inc %eax
    inc %ecx
    inc %edx
    inc %ebx
    inc %ebp
    inc %esi
    inc %edi
    end
    routine guest_end
    end
    routine guest_stack
    push %eax
    push $0x12345678
    mov (%esp), %ecx
    pushf
    pop %edx
    mov %esp, %ebx
    end
    routine guest_selectors
    mov %cs, %eax
    mov %ss, %ebx
    mov %ds, %ecx
    mov %es, %edx
    mov %fs, %esi
    mov %gs, %edi
    end
    .irp segment, ds, es, fs, gs, ss
    routine guest_load_\segment
    mov %eax, %\segment
    mov %\segment, %ebx
    end
    .endr
    routine guest_read_fs
    mov %fs:0, %eax
    mov %gs:4, %ecx
    end
    routine guest_far_jump
    ljmp *(%ebx)
    end
    routine guest_far_call
    lcall *(%ebx)
    end
    routine guest_far_return
    lret
    end
    routine guest_interrupt_return
    iret
    end
    // Where far transfers go: -1 in eax says that this is 32-bit code (0x48 is DEC here, a prefix of NOP in 64-bit mode).
    routine guest_target
    xor %eax, %eax
    .byte 0x48, 0x90
    mov %cs, %ecx
    end
    routine guest_read
    mov (%ebx), %eax
    end
    routine guest_write
    mov %eax, (%ebx)
    end
    routine guest_execute
    jmp *%ebx
    routine guest_popf
    push %eax
    popf
    pushf
    pop %eax
    push $2
    popf
    end
    routine guest_steps
    inc %eax
    inc %ecx
    inc %edx
    end
    routine guest_spin // counts at (%ebx) for ever; changes esi, edi in between
1:  incl (%ebx)
    lea 1(%esi), %esi
    lea -1(%edi), %edi
    jmp 1b
    routine guest_spin_segments // ds null, es code: interrupts leave them
    xor %eax, %eax
    mov %eax, %ds
    mov %cs, %eax
    mov %eax, %es
1:  dec %ecx
    jnz 1b
    mov %ds, %eax
    mov %es, %edx
    end
    routine guest_load_fpu
    fninit
    fildl (%ebx)
    movd (%ebx), %xmm0
    end
    routine guest_store_fpu
    fistl (%ebx)
    movd %xmm0, %eax
    end

    .section .note.GNU-stack, "", @progbits

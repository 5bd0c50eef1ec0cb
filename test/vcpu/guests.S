// SPDX-License-Identifier: Apache-2.0
// Guests, each a few instructions that do not depend on where they stand. vmmcall is how they say that they got so far.
// Registers that a guest starts with are what its test put there.
    .macro guest name
    .section .rodata
    .balign 16
    .globl guest_\name, guest_\name\()_end
guest_\name:
    .endm
    .macro done name
guest_\name\()_end:
    .endm

// 16-bit real mode.
    guest real_mode
    .code16
    mov $0x1234, %ax
    cpuid
    out %al, $0x80
    mov $0x3f8, %dx
    out %ax, %dx
    in $0x60, %al
    insb
    hlt
    wbinvd
    vmmcall
    ud2 // its interrupt table is empty: triple fault
    .code64
    done real_mode

// 64-bit mode from here on.
    guest registers // every register goes up by one
    inc %rax
    inc %rbx
    inc %rcx
    inc %rdx
    inc %rsi
    inc %rdi
    inc %rbp
    inc %r8
    inc %r9
    inc %r10
    inc %r11
    inc %r12
    inc %r13
    inc %r14
    inc %r15
    vmmcall
    done registers

    guest msrs
    mov $0xc0000080, %ecx
    rdmsr
    mov $0x10, %ecx
    wrmsr
    mov $0xc0000082, %ecx // LSTAR is its own
    mov $0x11223344, %eax
    mov $0x5566, %edx
    wrmsr
    xor %eax, %eax
    xor %edx, %edx
    rdmsr
    vmmcall
    mov $0xc0000102, %ecx // so is KernelGSBase
    mov $0x1000, %eax
    xor %edx, %edx
    wrmsr
    swapgs
    mov $0xc0000101, %ecx
    rdmsr
    vmmcall
    done msrs

    guest memory // rdi: what to touch
    mov (%rdi), %rax
    vmmcall
    mov %rax, (%rdi)
    vmmcall
    jmp *%rdi
    done memory

    guest count // for ever
1:  inc %rax
    jmp 1b
    done count

    guest ports // dx: port
    mov $0x5a, %al
    out %al, %dx
    xor %eax, %eax
    in %dx, %al
    vmmcall
    jmp guest_ports
    done ports

    guest interrupts // the handlers at the end count in r15
    vmmcall
    sti
    nop
    nop
    vmmcall
    sti
    hlt
    vmmcall
    cli
    vmmcall
    done interrupts

    guest handler
    inc %r15
    iretq
    done handler

    guest fault_handler // with an error code on the stack: to rbx, and skips the rest of the faulting instruction (rcx bytes)
    inc %r15
    pop %rbx
    add %rcx, (%rsp)
    iretq
    done fault_handler

    guest invalid_opcode // three bytes
    vmload %rax
    vmmcall
    stgi
    vmmcall
    done invalid_opcode

    guest page_fault // rdi: no linear mapping
    mov (%rdi), %eax
    vmmcall
    done page_fault

    guest controlled
    rdtsc
    pause
    mov %cr3, %rax
    mov %rax, %cr3
    invlpg (%rax)
    mov %db7, %rax
    mov %rax, %db0
    sidt -16(%rsp)
    mov %cr8, %rax
    mov %rax, %cr8
    monitor
    mwait
    xsetbv
    rdpmc
    invd
    done controlled

    guest control_mask
    mov %cr0, %rax
    mov %rax, %cr0
    vmmcall
    done control_mask

    guest fpu
    movdqu (%rdi), %xmm0
    vmmcall
    movdqu %xmm0, (%rdi)
    vmmcall
    done fpu

    guest avx // rdi: 32 bytes
    mov %cr4, %rax
    or $0x40000, %rax
    mov %rax, %cr4
    xor %ecx, %ecx
    xor %edx, %edx
    mov $7, %eax
    xsetbv
    vmovdqu (%rdi), %ymm0
    vmmcall
    vmovdqu %ymm0, (%rdi)
    vmmcall
    xor %ecx, %ecx
    xor %edx, %edx
    mov $3, %eax
    xsetbv // without AVX, whose registers are in use
    vmmcall
    vmmcall
    done avx

    guest protection_keys // rbx: for PKRU
    mov %cr4, %rax
    or $0x400000, %rax
    mov %rax, %cr4
    xor %ecx, %ecx
    rdpkru
    mov %rax, %r15
    mov %rbx, %rax
    wrpkru
    vmmcall
    rdpkru
    vmmcall
    done protection_keys

    guest debug_registers
    mov %db0, %rax
    mov %rbx, %db0
    vmmcall
    mov %db0, %rax
    vmmcall
    done debug_registers

    guest single_step
    pushfq
    orl $0x100, (%rsp)
    popfq
    nop
    nop
    andl $~0x100, %ebx
    vmmcall
    done single_step

    guest stamp
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    vmmcall
    done stamp

    guest translation // what says how addresses are translated; rdi: any linear address
    mov %cr3, %rax
    mov %rax, %cr3
    invlpg (%rdi)
    mov %rax, %cr0
    mov %rax, %cr4
    mov %rdi, %cr2
    vmmcall
    done translation

    guest cr2_handler // of page faults: CR2 to rax, the error code to rbx
    mov %cr2, %rax
    pop %rbx
    vmmcall
    done cr2_handler

// 32-bit protected mode.
    guest memory32 // edi: what to touch
    .code32
    mov (%edi), %eax
    vmmcall
    mov %eax, (%edi)
    vmmcall
    jmp *%edi
    .code64
    done memory32

    guest translation32 // edi: any linear address
    .code32
    mov %cr3, %eax
    mov %eax, %cr3
    invlpg (%edi)
    mov %cr4, %eax
    and $~0x20, %eax
    mov %eax, %cr4 // without PAE the root's words would be entries of another format
    vmmcall
    .code64
    done translation32

    .section .note.GNU-stack, "", @progbits

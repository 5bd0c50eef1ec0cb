// SPDX-License-Identifier: Apache-2.0
// The test guest's image: a Linux boot header (Linux Documentation/x86/boot.rst), so that the monitor loads it like a kernel,
// the 64-bit entry, and what exceptions need before C++ can look at them.

    .section .header, "a"
    .org 0x1f1
    .byte 1                         // setup sectors after the first
    .word 0                         // root flags
    .long image_paragraphs
    .word 0, 0, 0                   // ram size, video mode, root device
    .word 0xaa55                    // boot flag
    .byte 0xeb, header_end - . - 1  // a jump over the header; its operand says where the header ends
    .ascii "HdrS"
    .word 0x20f                     // boot protocol 2.15
    .long 0                         // real-mode switch
    .word 0, 0                      // start segment, kernel version
    .byte 0                         // loader
    .byte 1                         // loaded high
    .word 0
    .long image_address
    .long 0, 0                      // initramfs
    .long 0
    .word 0
    .byte 0, 0
    .long 0                         // command line: the loader's to fill in
    .long 0x7fffffff                // highest address of an initramfs
    .long 0x200000                  // alignment
    .byte 0, 21                     // not relocatable; smallest alignment
    .word 1                         // has a 64-bit entry
    .long 255                       // longest command line
    .long 0
    .quad 0
    .long 0, 0                      // no compressed payload
    .quad 0
    .quad image_address
    .long image_memory
    .long 0, 0
header_end:
    .org 0x400

    .section .entry, "ax"
    ud2                             // the 32-bit entry: nobody uses it
    .org 0x200
    lea stack_top(%rip), %rsp
    mov %rsi, %rdi                  // boot parameters
    call guest_main
    ud2

    .bss
    .balign 16
    .skip 16384
stack_top:

    .text
// One entry of 16 bytes for each vector; they push an error code where the processor does not.
    .globl exception_entries
    .balign 16
exception_entries:
    .set vector, 0
    .rept 64
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    jmp exception
    .set vector, vector + 1
    .endr

exception:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call on_exception
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

// int call_guarded(void (*function)(void*), void* argument): the vector of the exception that ended it, or -1.
    .globl call_guarded
call_guarded:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    mov %rsp, guarded_stack(%rip)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    mov $-1, %eax
// on_exception continues here with the stack that was kept and the vector in RAX.
    .globl leave_guarded
leave_guarded:
    cld
    movq $0, guarded_stack(%rip)
    add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// The 32-bit test guest's image: a Linux boot header (Linux Documentation/x86/boot.rst) without a 64-bit entry, the entry,
// what exceptions need before C++ can look at them, and the way to user mode.

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
    .word 0                         // no 64-bit entry
    .long 255                       // longest command line
    .long 0
    .quad 0
    .long 0, 0                      // no compressed payload
    .quad 0
    .long image_address, 0
    .long image_memory
    .long 0, 0
header_end:
    .org 0x400

    .section .entry, "ax"
    mov $stack_top, %esp
    push %esi                       // boot parameters
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
    .rept 129
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    jmp exception
    .set vector, vector + 1
    .endr

exception:
    push %gs
    push %fs
    push %es
    push %ds
    pusha
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    cld
    push %esp
    call on_exception
    add $4, %esp
    popa
    pop %ds
    pop %es
    pop %fs
    pop %gs
    add $8, %esp
    iret

// void call_guarded(void (*function)(void*), void* argument): returns when the function does or an exception ends it.
    .globl call_guarded
call_guarded:
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov 20(%esp), %eax
    mov 24(%esp), %edx
    mov %esp, guarded_stack
    push %edx
    call *%eax
// on_exception continues here, on whatever stack and with whatever segments.
    .globl leave_guarded
leave_guarded:
    cli
    cld
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov guarded_stack, %esp
    movl $0, guarded_stack
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret

// void enter_user(u32 eip, u32 esp, u32 eflags): does not come back.
    .globl enter_user
enter_user:
    mov 4(%esp), %ecx
    mov 8(%esp), %edx
    mov 12(%esp), %ebx
    mov $0x2b, %eax
    mov %eax, %ds
    mov %eax, %es
    push $0x2b
    push %edx
    push %ebx
    push $0x23
    push %ecx
    iret
    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// The 32-bit test guest's image: its header, the entry, what exceptions need before C++ can look at them, and the way to user mode.

    .set has_64_bit_entry, 0
    .set vectors, 129
#include "test/guests/start.h"

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

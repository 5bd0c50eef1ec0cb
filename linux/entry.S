// SPDX-License-Identifier: Apache-2.0
// The library OS's ways in and out: gate, start, upcalls, and the two places where registers are set by hand.
#include "linux/entry_offsets.h"

// The gate must be the first bytes of the image: protocol::gate_address.
    .section .gate, "ax", @progbits
    syscall
    ret

    .text
// Start of a component: rdi = ComponentInfo, rsp = top of the main thread's library OS stack.
    .globl libos_entry
libos_entry:
    xor %ebp, %ebp
    call libos_start
    ud2

// An upcall: rdi = UpcallBlock, rsp = top of this thread's library OS stack; all other registers are the program's, and the
// block has a copy of them.
    .globl libos_upcall_entry
libos_upcall_entry:
    mov %rdi, %rbx
    call libos_upcall                   // true: every register must come back; false: a system call, rcx and r11 are lost
    test %al, %al
    jnz 1f

    movq $0, BLOCK_ACTIVE(%rbx)         // from here on no upcall can start: this code is in the library OS's range
    mov SAVED_RIP(%rbx), %rcx
    mov SAVED_RAX(%rbx), %rax
    mov SAVED_RDX(%rbx), %rdx
    mov SAVED_RSI(%rbx), %rsi
    mov SAVED_RDI(%rbx), %rdi
    mov SAVED_RBP(%rbx), %rbp
    mov SAVED_R8(%rbx), %r8
    mov SAVED_R9(%rbx), %r9
    mov SAVED_R10(%rbx), %r10
    mov SAVED_R12(%rbx), %r12
    mov SAVED_R13(%rbx), %r13
    mov SAVED_R14(%rbx), %r14
    mov SAVED_R15(%rbx), %r15
    mov SAVED_RSP(%rbx), %rsp
    mov SAVED_RBX(%rbx), %rbx
    jmp *%rcx

    // All registers and flags, without touching the program's stack: rsp and rip come through GS, whose base is the thread's
    // page. (iretq would do too, but QEMU 7.2 reads its frame as the kernel would and trips over SMAP.)
1:  push SAVED_RFLAGS(%rbx)
    popfq
    movq $0, BLOCK_ACTIVE(%rbx)
    mov SAVED_RAX(%rbx), %rax
    mov SAVED_RCX(%rbx), %rcx
    mov SAVED_RDX(%rbx), %rdx
    mov SAVED_RSI(%rbx), %rsi
    mov SAVED_RDI(%rbx), %rdi
    mov SAVED_RBP(%rbx), %rbp
    mov SAVED_R8(%rbx), %r8
    mov SAVED_R9(%rbx), %r9
    mov SAVED_R10(%rbx), %r10
    mov SAVED_R11(%rbx), %r11
    mov SAVED_R12(%rbx), %r12
    mov SAVED_R13(%rbx), %r13
    mov SAVED_R14(%rbx), %r14
    mov SAVED_R15(%rbx), %r15
    mov SAVED_RBX(%rbx), %rbx
    mov %gs:UPCALL_OFFSET + SAVED_RSP, %rsp
    jmp *%gs:UPCALL_OFFSET + SAVED_RIP

// libos_enter_program(rip, rsp): the program's first instruction. Linux promises rdx = 0: no function to call at exit.
    .globl libos_enter_program
libos_enter_program:
    mov %rsi, %rsp
    mov %rdi, %rcx
    xor %eax, %eax
    xor %ebx, %ebx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %ebp, %ebp
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    jmp *%rcx

// libos_sleep(endpoint, info, deadline, woken): a Call to the timer that another thread can end early. It sets *woken,
// suspends this thread, moves it to libos_sleep_end if its rip is between the two labels, and resumes it: whether this
// thread had looked at *woken or not, had entered the kernel or not, it does not go on sleeping.
    .globl libos_sleep
    .globl libos_sleep_begin
    .globl libos_sleep_end
libos_sleep:
    push %r15
    push %rbx
    mov %rcx, %rbx                      // rcx is lost in SYSCALL
    mov %rdx, %r10                      // MR0
    mov $-1, %rdx                       // abi::Syscall::call
libos_sleep_begin:
    cmpl $0, (%rbx)
    jne libos_sleep_end
    syscall
libos_sleep_end:
    mov %rsi, %rax                      // message info of the answer
    pop %rbx
    pop %r15
    ret
    .section .note.GNU-stack, "", @progbits

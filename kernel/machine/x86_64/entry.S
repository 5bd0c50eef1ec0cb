// SPDX-License-Identifier: Apache-2.0
// Every way into the kernel and the one way out. User registers go straight into the Context of the current thread; there is
// one kernel stack, empty whenever a thread runs. The kernel runs with interrupts off, except in the two functions at the end.
#include "kernel/machine/x86_64/context_offsets.h"

#define SELECTOR_RING 0x03
#define SELECTOR_32_BIT 0x80 // set in the code selectors of 32-bit threads alone
#define WIDE_CS 0xFEB
#define EXCEPTION_DEBUG 1
#define EXCEPTION_GENERAL_PROTECTION 13
#define SYSCALL_OF_32_BIT 256 // for on_trap_32: beside the vectors
// What a thread may have in RFLAGS: CF PF AF ZF SF TF DF OF NT RF AC ID. Also rflags::user.
#define USER_RFLAGS 0x254DD5
#define ALWAYS_RFLAGS 0x202 // bit 1, IF

    .section .text
    .globl syscall_entry, syscall_entry_32, return_to_user, wait_for_interrupt, take_interrupt, trap_stubs, ignore_interrupt

// SYSCALL: rcx is the address after it, r11 the flags; FMASK has cleared IF, TF, DF, NT, AC.
    .balign 64
syscall_entry:
    mov %rsp, user_stack_pointer(%rip)
    mov current_context(%rip), %rsp
    mov %rcx, CONTEXT_NEXT_IP(%rsp)
    sub $2, %rcx
    mov %rcx, CONTEXT_RIP(%rsp)
    mov %r11, CONTEXT_RFLAGS(%rsp)
    mov %rax, CONTEXT_RAX(%rsp)
    mov %rbx, CONTEXT_RBX(%rsp)
    mov %rdx, CONTEXT_RDX(%rsp)
    mov %rsi, CONTEXT_RSI(%rsp)
    mov %rdi, CONTEXT_RDI(%rsp)
    mov %rbp, CONTEXT_RBP(%rsp)
    mov %r8, CONTEXT_R8(%rsp)
    mov %r9, CONTEXT_R9(%rsp)
    mov %r10, CONTEXT_R10(%rsp)
    mov %r12, CONTEXT_R12(%rsp)
    mov %r13, CONTEXT_R13(%rsp)
    mov %r14, CONTEXT_R14(%rsp)
    mov %r15, CONTEXT_R15(%rsp)
    movq $0, CONTEXT_RESTORE_ALL(%rsp)
    mov user_stack_pointer(%rip), %rax
    mov %rax, CONTEXT_RSP(%rsp)
    mov $kernel_stack_top, %rsp
    call on_syscall
    // falls through with the next thread's Context in rax

// rax or, from C++, rdi: the Context to go on with.
return_to_current:
    mov %rax, current_context(%rip)
    cmpq $0, CONTEXT_RESTORE_ALL(%rax)
    jne return_by_iret
    mov CONTEXT_NEXT_IP(%rax), %rcx
    mov %rcx, %rdx
    shr $47, %rdx // SYSRET to a non-canonical address would fault in kernel mode on the user's stack
    jnz return_by_iret
    mov CONTEXT_RFLAGS(%rax), %r11
    mov CONTEXT_RBX(%rax), %rbx
    mov CONTEXT_RDX(%rax), %rdx
    mov CONTEXT_RSI(%rax), %rsi
    mov CONTEXT_RDI(%rax), %rdi
    mov CONTEXT_RBP(%rax), %rbp
    mov CONTEXT_R8(%rax), %r8
    mov CONTEXT_R9(%rax), %r9
    mov CONTEXT_R10(%rax), %r10
    mov CONTEXT_R12(%rax), %r12
    mov CONTEXT_R13(%rax), %r13
    mov CONTEXT_R14(%rax), %r14
    mov CONTEXT_R15(%rax), %r15
    mov CONTEXT_RSP(%rax), %rsp
    mov CONTEXT_RAX(%rax), %rax
    sysretq

return_by_iret:
    mov $kernel_stack_top, %rsp
    pushq CONTEXT_STACK_SELECTOR(%rax)
    pushq CONTEXT_RSP(%rax)
    mov CONTEXT_RFLAGS(%rax), %rcx
    and $USER_RFLAGS, %ecx
    or $ALWAYS_RFLAGS, %ecx
    push %rcx
    pushq CONTEXT_CODE_SELECTOR(%rax)
    pushq CONTEXT_NEXT_IP(%rax)
    mov CONTEXT_RBX(%rax), %rbx
    mov CONTEXT_RCX(%rax), %rcx
    mov CONTEXT_RDX(%rax), %rdx
    mov CONTEXT_RSI(%rax), %rsi
    mov CONTEXT_RDI(%rax), %rdi
    mov CONTEXT_RBP(%rax), %rbp
    mov CONTEXT_R8(%rax), %r8
    mov CONTEXT_R9(%rax), %r9
    mov CONTEXT_R10(%rax), %r10
    mov CONTEXT_R11(%rax), %r11
    mov CONTEXT_R12(%rax), %r12
    mov CONTEXT_R13(%rax), %r13
    mov CONTEXT_R14(%rax), %r14
    mov CONTEXT_R15(%rax), %r15
    mov CONTEXT_RAX(%rax), %rax
iret_instruction:
    iretq

return_to_user:
    mov %rdi, %rax
    jmp return_to_current

// Exceptions and interrupts. Each stub leaves [vector][error code][rip][cs][rflags][rsp][ss] on the stack.
    .balign 16
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
    .else
    pushq $0
    .endif
    .byte 0x68 // pushq $vector, always in its long form
    .long vector
    jmp trap
    .set vector, vector + 1
    .endr

// Registers of the interrupted thread, to its Context in rax. rax itself waits on the stack for take_frame.
.macro save_low_registers
    push %rax
    mov current_context(%rip), %rax
    mov %rbx, CONTEXT_RBX(%rax)
    mov %rcx, CONTEXT_RCX(%rax)
    mov %rdx, CONTEXT_RDX(%rax)
    mov %rsi, CONTEXT_RSI(%rax)
    mov %rdi, CONTEXT_RDI(%rax)
    mov %rbp, CONTEXT_RBP(%rax)
.endm
.macro save_high_registers
    mov %r8, CONTEXT_R8(%rax)
    mov %r9, CONTEXT_R9(%rax)
    mov %r10, CONTEXT_R10(%rax)
    mov %r11, CONTEXT_R11(%rax)
    mov %r12, CONTEXT_R12(%rax)
    mov %r13, CONTEXT_R13(%rax)
    mov %r14, CONTEXT_R14(%rax)
    mov %r15, CONTEXT_R15(%rax)
.endm
// What the stub and the processor left on the stack: rdi vector, rsi error code, the rest to the Context.
.macro take_frame
    pop %rcx
    mov %rcx, CONTEXT_RAX(%rax)
    pop %rdi // vector
    pop %rsi // error code
    pop %rcx
    mov %rcx, CONTEXT_RIP(%rax)
    mov %rcx, CONTEXT_NEXT_IP(%rax)
    mov 8(%rsp), %rcx
    mov %rcx, CONTEXT_RFLAGS(%rax)
    mov 16(%rsp), %rcx
    mov %rcx, CONTEXT_RSP(%rax)
.endm

trap:
    testb $SELECTOR_RING | SELECTOR_32_BIT, 24(%rsp)
    jle trap_not_from_64_bit // zero: the kernel; negative: a 32-bit thread
    save_low_registers
    save_high_registers
    take_frame
    movq $1, CONTEXT_RESTORE_ALL(%rax)
trap_saved:
    mov $kernel_stack_top, %rsp // the trap may have come on a stack of its own (IST)
    pushq $2                    // gates leave DF and AC as the user had them
    popfq
    call on_trap
    jmp return_to_current

// The same for a 32-bit thread, which has fewer registers in 32-bit mode: the others are in its Context as they were. restore_all is set.
trap_not_from_64_bit:
    jz trap_from_kernel
    save_low_registers
    cmpl $WIDE_CS, 32(%rsp)
    jne 1f
    save_high_registers
1:
    take_frame
trap_32_saved:
    mov $kernel_stack_top, %rsp
    pushq $2
    popfq
    call on_trap_32
    jmp return_to_current

// SYSCALL in a 32-bit thread (AMD): as syscall_entry.
    .balign 64
syscall_entry_32:
    mov %rsp, user_stack_pointer(%rip)
    mov current_context(%rip), %rsp
    mov %rcx, CONTEXT_NEXT_IP(%rsp)
    mov %rcx, CONTEXT_RIP(%rsp)
    mov %r11, CONTEXT_RFLAGS(%rsp)
    mov %rax, CONTEXT_RAX(%rsp)
    mov %rbx, CONTEXT_RBX(%rsp)
    mov %rcx, CONTEXT_RCX(%rsp)
    mov %rdx, CONTEXT_RDX(%rsp)
    mov %rsi, CONTEXT_RSI(%rsp)
    mov %rdi, CONTEXT_RDI(%rsp)
    mov %rbp, CONTEXT_RBP(%rsp)
    mov user_stack_pointer(%rip), %rax
    mov %rax, CONTEXT_RSP(%rsp)
    mov $SYSCALL_OF_32_BIT, %edi
    xor %esi, %esi
    jmp trap_32_saved

trap_from_kernel:
    cmpl $32, (%rsp)
    jae interrupt_in_kernel
    cmpl $EXCEPTION_DEBUG, (%rsp)
    je debug_in_kernel
    cmpl $EXCEPTION_GENERAL_PROTECTION, (%rsp)
    jne fault_in_kernel
    cmpq $iret_instruction, 16(%rsp)
    jne fault_in_kernel
    // The way out refused a non-canonical rip. The Context is as it was: report a fault of the thread.
    mov $EXCEPTION_GENERAL_PROTECTION, %edi
    xor %esi, %esi
    mov current_context(%rip), %rax
    testb $SELECTOR_32_BIT, CONTEXT_CODE_SELECTOR(%rax) // a wide one
    jnz trap_32_saved
    jmp trap_saved

// Interrupts are on in wait_for_interrupt and take_interrupt only, which push nothing: return from them with the vector.
interrupt_in_kernel:
    mov (%rsp), %eax
    mov 40(%rsp), %rsp
    ret

// A thread that single-steps over SYSCALL: some processors trap after it, which is already here. Its TF is in r11 for later.
debug_in_kernel:
    cmpq $syscall_entry, 16(%rsp)
    je debug_at_syscall
    cmpq $syscall_entry_32, 16(%rsp)
    jne fault_in_kernel
debug_at_syscall:
    add $16, %rsp
    iretq

fault_in_kernel:
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    and $~15, %rsp
    cld
    call on_kernel_fault // never returns

// Spurious interrupts: nobody waits for an acknowledgement.
ignore_interrupt:
    iretq

// unsigned wait_for_interrupt(): the vector of the first interrupt; the processor sleeps until then.
wait_for_interrupt:
    sti
    hlt
    cli // only ignore_interrupt comes back here
    jmp wait_for_interrupt

// unsigned take_interrupt(): the vector of a pending interrupt, or 0.
take_interrupt:
    xor %eax, %eax
    sti
    nop // STI takes effect after the instruction that follows it
    cli
    ret

    .section .data
    .balign 8
    .globl current_context
current_context: // of the thread that runs in user mode, or ran last
    .quad 0
user_stack_pointer: // for a few instructions of syscall_entry
    .quad 0

    .section .note.GNU-stack, "", @progbits

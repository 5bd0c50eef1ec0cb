// SPDX-License-Identifier: Apache-2.0
// The measured instructions: user-level code lies inside the counted intervals, so it is written out here.
// A reading of the time-stamp counter is two instructions: `rdtsc` and the store of its low half.
// Registers: rbx system call number, r12 CPtr, r13 message info, r14 the Stamps (stubs.hpp); the message words are
// in r10, r8, r9 and r15. A system call may lose the stack pointer (ABI 4.2); the threads here have no stack.
    .text

    .macro timed_system_call
    rdtsc
    mov %eax, (%r14)
    mov %rbx, %rdx
    syscall
    rdtsc
    mov %eax, 4(%r14)
    .endm

// void bench_timed(SystemCall* call): the main thread's side. Offsets: stubs.hpp.
    .globl bench_timed
bench_timed:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rdi, %rbp
    mov %rsp, %r12
    lea 56(%rbp), %r14
    mov 0(%rbp), %rbx
    mov 16(%rbp), %rsi
    mov 24(%rbp), %r10
    mov 32(%rbp), %r8
    mov 40(%rbp), %r9
    mov 48(%rbp), %r15
    mov 8(%rbp), %rdi
    timed_system_call
    mov %r12, %rsp
    mov %rdi, 64(%rbp)
    mov %rsi, 72(%rbp)
    mov %r10, 80(%rbp)
    mov %r8, 88(%rbp)
    mov %r9, 96(%rbp)
    mov %r15, 104(%rbp)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

// A thread that makes one system call again and again, and reads the counter before and behind it.
    .globl bench_repeat_timed
bench_repeat_timed:
    mov %r12, %rdi
    mov %r13, %rsi
    timed_system_call
    jmp bench_repeat_timed

// The same without readings: the other side of round trips.
    .globl bench_repeat
bench_repeat:
    mov %rbx, %rdx
    mov %r12, %rdi
    mov %r13, %rsi
    syscall
    jmp bench_repeat

// void bench_timed_signal_wait(CPtr bell, CPtr answer, Stamps* stamps): Signal one notification, Wait for the other.
    .globl bench_timed_signal_wait
bench_timed_signal_wait:
    push %rbx
    push %rbp
    push %r12
    push %r14
    push %r15
    mov %rsp, %rbp
    mov %rsi, %r12
    mov %rdx, %r14
    xor %esi, %esi
    rdtsc
    mov %eax, (%r14)
    mov $-3, %rdx
    syscall
    mov $-5, %rdx
    mov %r12, %rdi
    syscall
    rdtsc
    mov %eax, 4(%r14)
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r12
    pop %rbp
    pop %rbx
    ret

// The other side: Wait for the notification in r12, Signal the one in r13.
    .globl bench_answer_signals
bench_answer_signals:
    mov $-5, %rdx
    mov %r12, %rdi
    syscall
    mov $-3, %rdx
    mov %r13, %rdi
    xor %esi, %esi
    syscall
    jmp bench_answer_signals

// Threads that fault; when the handler replies, they fault again at once.
    .globl bench_fault_on_memory, bench_fault_on_instruction
bench_fault_on_memory:
    mov (%r12), %eax
    jmp bench_fault_on_memory
bench_fault_on_instruction:
    ud2

// The gate of the C++ handles (user/system_call.hpp), for any kernel that keeps to the ABI.
    .globl user_gate
user_gate:
    push %rbx
    mov %rsp, %rbx
    syscall
    mov %rbx, %rsp
    pop %rbx
    ret
    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// The measured instructions: user-level code lies inside the counted intervals, so it is written out here.
//
// A reading of the time-stamp counter is two instructions: `rdtsc` and the store of its low half. A system call is what a
// compiled stub of the API is: the registers that matter are loaded, the stack pointer goes to rbx and back (the kernel may
// lose it, ABI 4.2), and a call that brings a message stores it. `lean` calls have their message words in registers already
// and leave the answer there. The threads here have no stack of their own; r14 is their SystemCall (stubs.hpp).
    .text

    .set NUMBER, 0
    .set CPTR, 8
    .set INFO, 16
    .set WORDS, 24
    .set BEFORE, 56
    .set BEHIND, 60
    .set OUT_CPTR, 64
    .set OUT_INFO, 72
    .set OUT_WORDS, 80

    .macro read_counter to
    rdtsc
    mov %eax, \to(%r14)
    .endm

    .macro enter_kernel
    mov NUMBER(%r14), %rdx
    mov %rsp, %rbx
    syscall
    mov %rbx, %rsp
    .endm

    .macro lean_call
    mov CPTR(%r14), %rdi
    mov INFO(%r14), %rsi
    enter_kernel
    .endm

    .macro load_words
    mov WORDS(%r14), %r10
    mov WORDS+8(%r14), %r8
    mov WORDS+16(%r14), %r9
    mov WORDS+24(%r14), %r15
    .endm

    .macro store_answer
    mov %rdi, OUT_CPTR(%r14)
    mov %rsi, OUT_INFO(%r14)
    mov %r10, OUT_WORDS(%r14)
    mov %r8, OUT_WORDS+8(%r14)
    mov %r9, OUT_WORDS+16(%r14)
    mov %r15, OUT_WORDS+24(%r14)
    .endm

    .macro full_call
    load_words
    lean_call
    store_answer
    .endm

    .macro begin
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rdi, %r14
    .endm

    .macro end
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .endm

// void bench_timed(SystemCall* call)
    .globl bench_timed
bench_timed:
    begin
    load_words
    read_counter BEFORE
    lean_call
    read_counter BEHIND
    store_answer
    end

// void bench_timed_full(SystemCall* call): what a server or fault handler does, loading and storing the message included.
    .globl bench_timed_full
bench_timed_full:
    begin
    read_counter BEFORE
    full_call
    read_counter BEHIND
    end

// void bench_timed_full_from(SystemCall* call, u64 const* words, u64 count, u64* buffer): the same with words that are
// copied into the IPC buffer first, as WriteRegisters does with its structure.
    .globl bench_timed_full_from
bench_timed_full_from:
    begin
    mov %rdx, %rdi
    read_counter BEFORE
1:  mov -8(%rsi,%rdi,8), %rax
    mov %rax, -8(%rcx,%rdi,8)
    sub $1, %rdi
    test %rdi, %rdi
    jne 1b
    full_call
    read_counter BEHIND
    end

// void bench_times(SystemCall* call, u64 count): without readings, for intervals of many calls.
    .globl bench_times
bench_times:
    begin
    mov %rsi, %r12
1:  full_call
    sub $1, %r12
    jne 1b
    end

// void bench_timed_pair(SystemCall* first, SystemCall* second): the readings are before the first and behind the second.
    .globl bench_timed_pair
bench_timed_pair:
    begin
    mov %rsi, %r12
    read_counter BEFORE
    lean_call
    mov %r12, %r14
    lean_call
    read_counter BEHIND
    store_answer
    end

// void bench_timed_touch(SystemCall* map, SystemCall* unmap, u64 address): the readings are before the first and behind the
// second; the page is read in between.
    .globl bench_timed_touch
bench_timed_touch:
    begin
    mov %rsi, %r12
    mov %rdx, %r13
    read_counter BEFORE
    full_call
    mov (%r13), %al
    mov %r12, %r14
    full_call
    read_counter BEHIND
    end

// A thread that makes one system call again and again, and reads the counter before and behind it.
    .globl bench_repeat_timed
bench_repeat_timed:
    read_counter BEFORE
    full_call
    read_counter BEHIND
    jmp bench_repeat_timed

// The same, and after each the system call in r12, which waits for the main thread.
    .globl bench_repeat_timed_and_wait
bench_repeat_timed_and_wait:
    read_counter BEFORE
    full_call
    read_counter BEHIND
    xchg %r12, %r14
    lean_call
    xchg %r12, %r14
    jmp bench_repeat_timed_and_wait

// Without readings: the other side of round trips.
    .globl bench_repeat
bench_repeat:
    full_call
    jmp bench_repeat

// Two system calls by turns, the SystemCall in r14 and the one in r12.
    .globl bench_repeat_pair
bench_repeat_pair:
    full_call
    xchg %r12, %r14
    lean_call
    xchg %r12, %r14
    jmp bench_repeat_pair

// Threads that fault; when the handler replies, they fault again at once.
    .globl bench_fault_on_memory, bench_fault_on_instruction
bench_fault_on_memory:
    mov 0x10000, %eax
    ud2
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

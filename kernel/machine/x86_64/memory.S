// SPDX-License-Identifier: Apache-2.0
// The four functions that a freestanding compiler may call by itself.

    .section .text
    .globl memcpy, memmove, memset, memcmp

memmove:
    mov %rdi, %rax
    sub %rsi, %rax
    cmp %rdx, %rax // destination inside the source: copy downwards
    jb 1f
memcpy:
    mov %rdi, %rax
    mov %rdx, %rcx
    shr $3, %rcx
    rep movsq
    mov %edx, %ecx
    and $7, %ecx
    rep movsb
    ret
1:  mov %rdi, %rax
    lea -1(%rdi, %rdx), %rdi
    lea -1(%rsi, %rdx), %rsi
    mov %rdx, %rcx
    std
    rep movsb
    cld
    ret

memset:
    mov %rdi, %r8
    movzbl %sil, %eax
    movabs $0x0101010101010101, %rcx
    imul %rcx, %rax
    mov %rdx, %rcx
    shr $3, %rcx
    rep stosq
    mov %edx, %ecx
    and $7, %ecx
    rep stosb
    mov %r8, %rax
    ret

memcmp:
    xor %eax, %eax
    mov %rdx, %rcx
    cmp %rcx, %rcx // equal if there is nothing to compare
    repe cmpsb
    je 2f
    movzbl -1(%rdi), %eax
    movzbl -1(%rsi), %ecx
    sub %ecx, %eax
2:  ret

    .section .note.GNU-stack, "", @progbits

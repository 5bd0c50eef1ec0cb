// SPDX-License-Identifier: Apache-2.0
// The gate of a component: the first bytes of its library OS (protocol::gate_address, checked in component/component.cpp), because only
// code inside the library OS makes native system calls. It lies beyond a direct jump. rcx is lost in SYSCALL anyway.
    .text
    .globl user_gate
    .type user_gate, @function
user_gate:
    movabs $0x0000700000000000, %rcx
    jmp *%rcx
    .size user_gate, . - user_gate
    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// The head of a guest kernel: the least that a loader of the 64-bit Linux boot protocol takes (boot.rst). Include it first;
// what follows runs at 64-bit entry: identity-mapped low 4 GiB, interrupts off, no stack.
    .code64
    .text
image:
    .org 0x1f1
    .byte 1                       // setup sectors
    .org 0x1f4
    .long (payload_end - payload) / 16
    .org 0x1fe
    .word 0xaa55
    .byte 0xeb, 0x6a              // jump: the header ends at 0x202 + 0x6a
    .ascii "HdrS"
    .word 0x020f                  // protocol 2.15
    .org 0x211
    .byte 1                       // loaded high
    .org 0x22c
    .long 0x7fffffff              // the initramfs may lie anywhere
    .org 0x236
    .word 1                       // 64-bit entry
    .long 255                     // command line
    .org 0x258
    .quad 0x1000000               // preferred address
    .long 0x100000                // size while running
    .org 1024
payload:
    .org 1024 + 0x200
entry:

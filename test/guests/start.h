// SPDX-License-Identifier: Apache-2.0
// Assembly that the images of the 64-bit and the 32-bit test guest share: a Linux boot header (Linux Documentation/x86/boot.rst), so that
// the monitor loads them like a kernel, and the entries of exceptions. The includer says `has_64_bit_entry`, 0 or 1, and `vectors`, how many
// it has; it goes on at `exception` with the vector and the error code on the stack.

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
    .word has_64_bit_entry
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

    .text
// One entry of 16 bytes for each vector; they push an error code where the processor does not.
    .globl exception_entries
    .balign 16
exception_entries:
    .set vector, 0
    .rept vectors
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    jmp exception
    .set vector, vector + 1
    .endr

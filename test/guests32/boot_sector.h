// SPDX-License-Identifier: Apache-2.0
// Numbers and macros of boot_sector.S.

    .set image, 0x7c00          // where the file is loaded
    .set sectors, 7             // of the file
    .set loaded, 0x7e57         // its last word
    .set com1, 0x3f8
    .set sleep_control, 0x600
    .set sleep_off, 5 << 2 | 1 << 5
    .set local_apic, 0xfee00000
    .set timer_vector, 0x40
    .set stack_at, 0x20000
    .set stack_bytes, 0x1000
    .set short_at, 0x30000
    .set short_limit, 0xff
    .set beyond_table, 0x100    // a selector
    .set not_present, 11
    .set stack_fault, 12
    .set general_protection, 13

// say "text": a line of its own; the other registers stay.
.macro say16 text
    mov $9f, %si
    call print16
    .pushsection .rodata
9:  .asciz "boot: \text\r\n"
    .popsection
.endm
.macro say32 text
    mov $9f - image, %esi
    call print32
    .pushsection .rodata
9:  .asciz "boot: \text\r\n"
    .popsection
.endm

// A real-mode vector, into the paragraph where the image begins.
.macro vector number, handler
    movw $\handler - image, \number * 4
    movw $image >> 4, \number * 4 + 2
.endm

// An instruction that must raise the exception; else it goes on at `otherwise`.
.macro raises vector, code, instruction, otherwise=wrong32
    movl $\vector, expected_vector - image
    movl $\code, expected_code - image
    movl $7f - image, expected_at - image
    movl $8f - image, resume_at - image
7:  \instruction
    jmp \otherwise
8:
.endm

// rights: bits 7:0 as in bits 47:40 of the descriptor, bits 15:12 as in bits 55:52.
.macro descriptor name, base, limit, rights
    .set \name, . - descriptors
    .word (\limit) & 0xffff, (\base) & 0xffff
    .byte (\base) >> 16 & 0xff, (\rights) & 0xff
    .byte ((\rights) >> 8 & 0xf0) | ((\limit) >> 16 & 0xf), (\base) >> 24 & 0xff
.endm

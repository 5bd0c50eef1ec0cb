// SPDX-License-Identifier: Apache-2.0
// From the loader's 32-bit protected mode to boot_main in long mode at the kernel's own addresses (ABI 2.1).
// The tables made here map the first 4 GiB three times: at 0, in the window, and (1 GiB of it) as the image. They live until
// paging.cpp has made better ones.

#define IMAGE_BASE 0xFFFFFFFF80000000
#define PRESENT_WRITE 3
#define LARGE 0x80

    .section .multiboot, "a"
    .balign 8
multiboot1_header:
    .long 0x1BADB002 // magic
    .long 3          // page-aligned modules, memory information
    .long -(0x1BADB002 + 3)

    .balign 8
multiboot2_header:
    .long 0xE85250D6 // magic
    .long 0          // i386
    .long multiboot2_end - multiboot2_header
    .long -(0xE85250D6 + (multiboot2_end - multiboot2_header))
    .short 0, 0      // end tag
    .long 8
multiboot2_end:

    .section .boot, "ax"
    .code32
    .globl multiboot_entry
multiboot_entry:
    cli
    cld
    mov $(kernel_stack_top - IMAGE_BASE), %esp
    mov %eax, %ebp // the loader's magic
    mov %ebx, %esi // its information block

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    jnc no_long_mode

    // Four page directories of 2 MiB pages.
    mov $(boot_directories - IMAGE_BASE), %edi
    mov $(PRESENT_WRITE | LARGE), %eax
    mov $2048, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b

    // One PDPT for both halves: entries 0 to 3 for identity and window, 510 for the image.
    mov $(boot_pdpt - IMAGE_BASE), %edi
    mov $(boot_directories - IMAGE_BASE + PRESENT_WRITE), %eax
    mov %eax, 510 * 8(%edi)
    mov $4, %ecx
2:  mov %eax, (%edi)
    add $4096, %eax
    add $8, %edi
    loop 2b

    mov $(boot_pml4 - IMAGE_BASE), %edi
    movl $(boot_pdpt - IMAGE_BASE + PRESENT_WRITE), (%edi)
    movl $(boot_pdpt - IMAGE_BASE + PRESENT_WRITE), 511 * 8(%edi)
    mov %edi, %cr3

    mov $0x20, %eax // CR4.PAE
    mov %eax, %cr4
    mov $0xC0000080, %ecx
    rdmsr
    or $0x100, %eax // EFER.LME
    wrmsr
    mov %cr0, %eax
    and $~0x6000000C, %eax // caches on, no emulation, TS clear
    or $0x80000001, %eax   // PG, PE
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $0x08, $long_mode

no_long_mode:
    mov $no_long_mode_text, %esi
3:  mov $0x3FD, %dx
4:  in %dx, %al
    test $0x20, %al
    jz 4b
    mov $0x3F8, %dx
    lodsb
    out %al, %dx
    test %al, %al
    jnz 3b
5:  hlt
    jmp 5b
no_long_mode_text:
    .asciz "tessera: this processor has no 64-bit mode; Tessera needs x86-64\r\n"

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00AF9B000000FFFF // 64-bit code
    .quad 0x00CF93000000FFFF // data
boot_gdt_pointer:
    .short . - boot_gdt - 1
    .long boot_gdt

    .code64
long_mode:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    movabs $high_entry, %rax
    jmp *%rax

    .section .text
high_entry:
    mov $kernel_stack_top, %rsp
    mov %ebp, %edi
    // esi holds the information block
    mov %esi, %esi
    xor %ebp, %ebp
    call boot_main // never returns

    .section .boot_tables, "aw", @nobits
    .balign 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_directories:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// A guest from power-on: a boot sector and the sectors behind it, which go from real mode through
// protected mode with segments that are not flat to flat 32-bit code, and back. Each step prints a
// line when all of it was right. On a PC the first sector loads the others itself.
#include "test/guests32/boot_sector.h"

    .code16
    .globl start
start:
    ljmp $0, $segments
segments:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $image, %sp
    cld
    cmpw $loaded, end_of_image      // the monitor has loaded all; a PC's firmware one sector
    je real_mode
    mov $0x0200 + sectors - 1, %ax  // INT 13h, AH 2: read AL sectors of disk DL,
    mov $2, %cx                     // from cylinder 0, sector 2,
    xor %dh, %dh                    // head 0,
    mov $image + 512, %bx           // to ES:BX
    int $0x13
    cmpw $loaded, end_of_image
    je real_mode
    hlt

    .org 510
    .word 0xaa55

// ---- real mode ----------------------------------------------------------------------------------

real_mode:
    mov $com1 + 3, %dx
    mov $3, %al // characters of 8 bits
    out %al, %dx
    mov %cs, %ax
    test %ax, %ax
    jnz wrong16
    say16 "real mode"

    // Addresses of 16 bits, which wrap at 64 KiB; BP goes with the stack segment.
    mov $numbers, %bx
    mov $2, %si
    cmpw $4, 4(%bx,%si)
    jne wrong16
    mov $0xfff0, %bx
    mov $numbers + 0x10 + 4, %si
    cmpw $3, (%bx,%si)
    jne wrong16
    mov $0x2000, %ax
    mov %ax, %ss
    mov $0x100, %sp
    push $0x1234
    mov %sp, %bp
    cmpw $0x1234, (%bp)
    jne wrong16
    cmpw $0x1234, %ss:0xfe
    jne wrong16
    xor %ax, %ax
    mov %ax, %ss
    mov $image, %sp
    say16 "16-bit addresses"

    // Strings from one segment to another, up and down, and what ends them early.
    mov $0x1000, %ax
    mov %ax, %es
    mov $numbers, %si
    xor %di, %di
    mov $4, %cx
    rep movsw
    mov $numbers, %si
    xor %di, %di
    mov $8, %cx
    repe cmpsb
    jne wrong16
    mov $3, %ax
    xor %di, %di
    mov $4, %cx
    repne scasw
    jne wrong16
    cmp $6, %di
    jne wrong16
    std
    mov $6, %si
    mov $8, %di
    mov $4, %cx
    rep movsw %es:(%si), %es:(%di) // each word one place up
    cld
    cmpl $0x00010001, %es:0
    jne wrong16
    cmpw $4, %es:8
    jne wrong16
    say16 "string instructions"

    // One byte has many names.
    mov $0x1001, %ax
    mov %ax, %fs
    movw $0xbeef, %es:0x20
    cmpw $0xbeef, %fs:0x10
    jne wrong16
    lgs far_pointer, %bx
    cmpw $0xbeef, %gs:(%bx)
    jne wrong16
    lcall $0x07c0, $far_procedure - image
    cmp $0x07c0, %ax
    jne wrong16
    say16 "paragraphs"

    // INT through the vector table into another paragraph, with flags changed on its stack; and a
    // fault, whose handler skips the division.
    vector 0x60, software
    vector 0, division
    mov $41, %ax
    clc
    int $0x60
    jnc wrong16
    cmp $42, %ax
    jne wrong16
    xor %cx, %cx
    xor %bl, %bl
    div %bl
    cmp $0x77, %cx
    jne wrong16
    say16 "interrupt vectors"

    // Protected mode loads a large limit, which real mode keeps: all memory is in reach.
    cli
    lgdt descriptors_register
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    jmp 1f
1:  mov $flat_data, %bx
    mov %bx, %gs
    and $0xfe, %al
    mov %eax, %cr0
    jmp 1f
1:  xor %ax, %ax
    mov %ax, %gs
    mov $0x200000, %ebx
    movl $0x12345678, %gs:(%ebx)
    cmpl $0x12345678, %gs:(%ebx)
    jne wrong16
    say16 "unreal mode"

    // The local APIC's timer interrupts through the vector table while the processor halts.
    vector timer_vector, alarm
    mov $local_apic, %ebx
    movl $0x1ff, %gs:0xf0(%ebx)         // on
    movl $0xb, %gs:0x3e0(%ebx)          // not divided
    movl $timer_vector, %gs:0x320(%ebx) // once
    movl $100000, %gs:0x380(%ebx)
1:  cmpw $1, alarms
    je 1f
    sti
    hlt
    cli
    jmp 1b
1:  say16 "interrupts from the local APIC"

    lidt gates_register
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $image_code, $protected_mode - image

back_in_real_mode:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $image, %sp
    lidt vectors_register
    mov $41, %ax
    int $0x60
    cmp $42, %ax
    jne wrong16
    say16 "back in real mode"
    mov $sleep_control, %dx // the virtual PC's power switch
    mov $sleep_off, %al
    out %al, %dx
    mov $0xfe, %al          // a PC's reset line
    out %al, $0x64
1:  hlt
    jmp 1b

wrong16:
    say16 "something is wrong behind this"
1:  cli
    hlt
    jmp 1b

print16: // the text at DS:SI
    push %ax
    push %dx
1:  lodsb
    test %al, %al
    jz 3f
    mov %al, %ah
    mov $com1 + 5, %dx
2:  in %dx, %al
    test $0x20, %al
    jz 2b
    mov $com1, %dx
    mov %ah, %al
    out %al, %dx
    jmp 1b
3:  pop %dx
    pop %ax
    ret

far_procedure:
    mov %cs, %ax
    lret

software: // adds one, and returns with carry
    push %bp
    mov %sp, %bp
    orw $1, 6(%bp)
    pop %bp
    inc %ax
    iret

division:
    push %bp
    mov %sp, %bp
    addw $2, 2(%bp)
    pop %bp
    mov $0x77, %cx
    iret

alarm:
    incw %cs:alarms - image
    movl $0, %gs:0xb0(%ebx) // end of interrupt
    iret

// ---- protected mode, where nothing is flat ------------------------------------------------------

    .code32
protected_mode:
    mov $image_data, %ax
    mov %ax, %ds
    mov $stack, %ax
    mov %ax, %ss
    mov $stack_bytes, %esp
    mov $short_data, %ax
    mov %ax, %es
    mov $flat_data, %ax
    mov %ax, %fs
    xor %eax, %eax
    mov %eax, %gs

    call 1f
1:  pop %eax
    cmp $1b - image, %eax
    jne wrong32
    push $0xcafe
    cmpl $0xcafe, %fs:stack_at + stack_bytes - 4
    jne wrong32
    pop %eax
    movl $0x12345678, %es:short_limit - 3
    cmpl $0x12345678, %fs:short_at + short_limit - 3
    jne wrong32
    say32 "protected mode, segments with bases"

    mov $beyond_table, %ebx
    raises general_protection, beyond_table, "mov %bx, %es"
    mov $absent, %ebx
    raises not_present, absent, "mov %bx, %es"
    cmpl $0x12345678, %es:short_limit - 3
    jne wrong32
    say32 "selectors that are refused"

    // Beyond limits on purpose, and other ways to be refused. QEMU's own emulation looks at none.
    raises general_protection, 0, "movb $1, %es:short_limit + 1", limits_unchecked
    raises general_protection, 0, "movl $1, %es:short_limit - 2"
    raises general_protection, 0, "incl %gs:0"
    raises general_protection, 0, "movb $1, %cs:0"
    raises stack_fault, 0, "mov %ss:stack_bytes, %al"
    mov $down_data, %ax // only what is above its limit
    mov %ax, %es
    raises general_protection, 0, "movb $1, %es:short_limit"
    mov $short_data, %ax
    mov %ax, %es
    cmpl $0x12345678, %es:short_limit - 3
    jne wrong32
    say32 "limits"
limits_tried:
    mov $down_data, %ax
    mov %ax, %es
    movb $0x55, %es:short_limit + 1
    cmpb $0x55, %fs:short_at + short_limit + 1
    jne wrong32
    say32 "segments that grow down"

    // The same strings, from a segment with a base to another.
    mov $numbers - image, %esi
    mov $0x1000, %edi
    mov $8, %ecx
    rep movsb
    cmpl $0x00040003, %fs:short_at + 0x1004
    jne wrong32
    mov $0xff, %al
    mov $0xfffffff8, %edi
    mov $8, %ecx
    rep stosb // up to the very top of the segment's offsets; linear addresses wrap
    cmpb $0xff, %fs:short_at - 1
    jne wrong32
    say32 "strings with bases"
    ljmp $flat_code, $flat

limits_unchecked:
    say32 "limits, which this processor does not check"
    jmp limits_tried

wrong32:
    say32 "something is wrong behind this"
1:  cli
    hlt
    jmp 1b

print32: // the text at DS:ESI
    push %eax
    push %edx
1:  lodsb
    test %al, %al
    jz 3f
    mov %al, %ah
    mov $com1 + 5, %dx
2:  in %dx, %al
    test $0x20, %al
    jz 2b
    mov $com1, %dx
    mov %ah, %al
    out %al, %dx
    jmp 1b
3:  pop %edx
    pop %eax
    ret

    .irp number, 11, 12, 13
handler\number:
    push $\number
    jmp handle
    .endr
handle: // vector, error code, EIP, CS, EFLAGS
    push %eax
    mov 4(%esp), %eax
    cmp expected_vector - image, %eax
    jne wrong32
    mov 8(%esp), %eax
    cmp expected_code - image, %eax
    jne wrong32
    mov 12(%esp), %eax
    cmp expected_at - image, %eax
    jne wrong32
    mov resume_at - image, %eax
    mov %eax, 12(%esp)
    pop %eax
    add $8, %esp
    iret

// ---- flat, and back -----------------------------------------------------------------------------

flat:
    mov $flat_data, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $image, %esp
    mov $0x1234567, %eax
    mov $0x300000, %edi
    mov $0x4000, %ecx
    rep stosl
    cmp $0x310000, %edi
    jne wrong_flat
    cmpl $0x1234567, 0x30fffc
    jne wrong_flat
    mov $flat_text, %esi
    call print32
    ljmp $image_code16, $1f - image
    .code16
1:  mov $image_data16, %ax // limits that suit real mode
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %ax, %fs
    mov %ax, %gs
    mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    ljmp $0, $back_in_real_mode

    .code32
wrong_flat:
    hlt
    jmp wrong_flat

// ---- tables -------------------------------------------------------------------------------------

    .balign 8
descriptors:
    .quad 0
    descriptor image_code, image, sectors*512-1, 0x409b
    descriptor image_data, image, sectors*512-1, 0x4093
    descriptor stack, stack_at, stack_bytes-1, 0x4093
    descriptor short_data, short_at, short_limit, 0x4093
    descriptor down_data, short_at, short_limit, 0x4097
    descriptor absent, 0, 0xffff, 0x4013
    descriptor flat_code, 0, 0xfffff, 0xc09b
    descriptor flat_data, 0, 0xfffff, 0xc093
    descriptor image_code16, image, 0xffff, 0x009b
    descriptor image_data16, image, 0xffff, 0x0093
descriptors_end:
descriptors_register:
    .word descriptors_end - descriptors - 1
    .long descriptors
gates: // the vectors before these are beyond reach: there are none
    .fill 11, 8, 0
    .irp number, 11, 12, 13
    .word handler\number - image, image_code, 0x8e00, 0
    .endr
gates_end:
gates_register:
    .word gates_end - gates - 1
    .long gates
vectors_register:
    .word 0x3ff
    .long 0

numbers:
    .word 1, 2, 3, 4
far_pointer:
    .word 0x20, 0x1000
expected_vector: .long 0
expected_code: .long 0
expected_at: .long 0
resume_at: .long 0
alarms: .word 0
flat_text: .asciz "boot: flat 32-bit code\r\n"

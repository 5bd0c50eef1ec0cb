// SPDX-License-Identifier: Apache-2.0
// What a thread may try against the kernel, each with what must come of it. A case starts with a stack of its own and initial
// registers and ends in a fault, whose number and detail are in the table; `result` is rax at that moment.
//
//   begin "what it does", FAULT, detail, result
//       instructions
//   end
//
// FAULT is exception (detail: its vector), page (detail: the address) or system_call (detail: the number).

    .set exception, 3
    .set page, 5
    .set system_call, 2
    .set any, 0x6e4e6e4e // as a result: rax does not matter; as a fault: any will do, processors and emulators differ
    .set ud, 6           // most cases that live to tell end in UD2
    .set gp, 13
    .set window, 0xffffff8000000000
    .set image, 0xffffffff80000000
    .set yield, -7
    .set rflags_mask, 0x244ED5 // what a thread can see and change, less TF

    .section .rodata
    .balign 8
    .globl cases, cases_end
cases:

.macro begin name:req, fault:req, detail:req, result=any
    .section .rodata.names
9:  .asciz "\name"
    .section .rodata
    .quad 9b, 8f, \fault, \detail, \result
    .text
8:
.endm
.macro end
    ud2
.endm
.macro system_call number
    mov $\number, %rdx
    syscall
.endm
.macro set_flags flags
    pushq $\flags
    popfq
.endm
.macro get_flags // into rax
    pushfq
    pop %rax
    and $rflags_mask, %eax
    set_flags 2
.endm

    // Instructions that are the kernel's.
    begin "UD2", exception, ud
    end
    begin "HLT", exception, gp
    hlt
    end
    begin "CLI", exception, gp
    cli
    end
    begin "IN", exception, gp
    in $0x64, %al
    end
    begin "OUT", exception, gp
    out %al, $0x80
    end
    begin "a string of OUTs", exception, gp
    mov $0x3f8, %dx
    mov $10, %ecx
    rep outsb
    end
    begin "RDMSR", exception, gp
    mov $0xc0000080, %ecx
    rdmsr
    end
    begin "WRMSR of the system call entry", exception, gp
    mov $0xc0000082, %ecx
    wrmsr
    end
    begin "MOV to CR3", exception, gp
    mov %rax, %cr3
    end
    begin "MOV from CR4", exception, gp
    mov %cr4, %rax
    end
    begin "MOV to DR7", exception, gp
    mov %rax, %dr7
    end
    begin "LGDT", exception, gp
    lgdt (%rsp)
    end
    begin "LIDT", exception, gp
    lidt (%rsp)
    end
    begin "LTR", exception, gp
    mov $0x18, %eax
    ltr %ax
    end
    begin "INVLPG", exception, gp
    invlpg (%rsp)
    end
    begin "SWAPGS", exception, gp
    swapgs
    end
    begin "SYSRET", exception, gp
    sysretq
    end
    begin "WRFSBASE", exception, ud
    wrfsbase %rax
    end
    begin "IRET to the kernel's code segment", any, any
    pushq $0x10
    push %rsp
    pushq $2
    pushq $0x08
    pushq $image + 0x101000
    iretq
    end
    begin "a far return to the kernel's code segment", any, any
    pushq $0x08
    pushq $image + 0x101000
    lretq
    end
    begin "the kernel's data segment in SS", exception, gp
    mov $0x10, %eax
    mov %eax, %ss
    end
    begin "IOPL in POPF has no effect", exception, ud, 0
    set_flags 0x3002
    pushfq
    pop %rax
    and $0x3000, %eax
    end

    // Interrupts by number.
    begin "INT 128", exception, gp
    int $0x80
    end
    begin "INT 14, the page fault", exception, gp
    int $14
    end
    begin "INT 32, the old timer", exception, gp
    int $32
    end
    begin "INT 157, the tick", exception, gp
    int $157
    end
    begin "INT3", exception, 3
    int3
    end
    begin "INT 4", exception, 4
    int $4
    end
    begin "INT 158", system_call, 0xffffffff9e234567
    mov $0x1234567, %eax
    int $158
    end
    begin "INT 254", system_call, 0xfffffffffe000000
    int $254
    end
    begin "INT 255 is nothing", exception, ud, 7
    mov $7, %eax
    int $255
    end

    // The kernel's memory.
    begin "a read of the window", page, window + 0x101000
    movabs $window + 0x101000, %rcx
    mov (%rcx), %rax
    end
    begin "a write of the kernel's text", page, image + 0x101000
    mov %rax, image + 0x101000
    end
    begin "a read of the local APIC", page, 0xffffffffc0000020
    mov 0xffffffffc0000020, %eax
    end
    begin "a jump into the window", page, window + 0x101000
    movabs $window + 0x101000, %rcx
    jmp *%rcx
    end
    begin "a jump to the system call entry's page", page, image + 0x101000
    mov $image + 0x101000, %rcx
    jmp *%rcx
    end
    begin "a jump to an address that is not canonical", exception, gp
    movabs $0x0000800000000000, %rcx
    jmp *%rcx
    end

    // System calls in odd states.
    begin "an unknown system call", system_call, 1234
    system_call 1234
    end
    begin "a system call with the stack in the kernel", exception, ud, 7
    mov $image + 0x106000, %rsp
    mov $7, %eax
    system_call yield
    end
    begin "a system call with a stack that is not canonical", exception, ud, 7
    movabs $0x8000000000000000, %rsp
    mov $7, %eax
    system_call yield
    end
    begin "a fault with a stack that is not canonical", exception, ud, 7
    movabs $0x8000000000000000, %rsp
    mov $7, %eax
    end
    begin "a system call keeps DF, NT, AC and ID", exception, ud, 0x244602
    set_flags 0x244602
    system_call yield
    pushfq
    pop %rax
    cld
    set_flags 2
    end
    begin "a system call keeps the arithmetic flags", exception, ud, 0xad5
    set_flags 0x8d7
    system_call yield
    pushfq
    pop %rax
    and $0xdd5, %eax
    or $0x200, %eax
    end
    begin "a system call keeps all but rcx and r11", exception, ud, 91
    mov $1, %ebx
    mov $2, %ebp
    mov $4, %esi
    mov $8, %edi
    mov $16, %r12d
    mov $32, %r13d
    mov $28, %r14d
    xor %eax, %eax
    system_call yield
    add %rbx, %rax
    add %rbp, %rax
    add %rsi, %rax
    add %rdi, %rax
    add %r12, %rax
    add %r13, %rax
    add %r14, %rax
    end
    begin "a single step over NOP", exception, 1
    set_flags 0x102
    nop
    end
    begin "a single step over SYSCALL", exception, 1
    mov $yield, %rdx
    set_flags 0x102
    syscall
    nop
    end
    begin "odd flags through many ticks", exception, ud, 0x244602
    set_flags 0x244602
    mov $30000000, %ecx
1:  dec %ecx
    jnz 1b
    pushfq
    pop %rax
    and $0x244602, %eax
    cld
    set_flags 2
    end
    begin "user selectors in every segment register", exception, ud, 7
    mov $0x33, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov $7, %eax
    system_call yield
    end
    begin "a base for FS that is not canonical", exception, ud, 7
    movabs $0x0000800000000000, %rdi
    mov $7, %eax
    system_call -30 // SetTLSBase
    end

    .section .rodata
cases_end:
    .section .note.GNU-stack, "", @progbits

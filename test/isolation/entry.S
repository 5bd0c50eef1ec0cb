// SPDX-License-Identifier: Apache-2.0
// System calls and exceptions in odd states: stack pointers, flags, single steps.
#include "test/isolation/attacks.h"

    // Addresses.
    begin "a read of the window", page, window + 0x101000, 5
    movabs $window + 0x101000, %rcx
1:  mov (%rcx), %rax
    end
    begin "a write of the kernel's text", page, image + 0x101000, 7
1:  mov %rax, image + 0x101000
    end
    begin "a locked write of the kernel's data", page, window + 0x400000, any // 7; QEMU reads first
    movabs $window + 0x400000, %rcx
1:  lock incq (%rcx)
    end
    begin "a prefetch of kernel memory is nothing", exception, ud, 0, 7
    movabs $window + 0x400000, %rcx
    prefetcht0 (%rcx)
    mov $7, %eax
    end
    begin "a read of the local APIC", page, 0xffffffffc0000020, 5
1:  mov 0xffffffffc0000020, %eax
    end
    begin "a read at an address that is not canonical", exception, gp
    movabs $0x800000000000, %rcx
1:  mov (%rcx), %al
    end
    begin "a write at the other end of the hole", exception, gp
    movabs $0xffff7fffffffffff, %rcx
1:  mov %al, (%rcx)
    end
    begin "a read of the last canonical byte", page, 0x7fffffffffff, 4
    movabs $0x7fffffffffff, %rcx
1:  mov (%rcx), %al
    end
    begin "a read of the first byte above the hole", page, 0xffff800000000000, 4
    movabs $0xffff800000000000, %rcx
1:  mov (%rcx), %al
    end

    // Stack pointers.
    .irp stack, 0, 8, 0x500001, 0x7fffffffffff, 0x800000000000, 0x8000000000000000, 0xffff7ffffffffff8, 0xffffffffffffffff, 0xffffff8000001000, 0xffffffff80106000
    begin "a system call with the stack at \stack", exception, ud, 0, 7
    movabs $\stack, %rsp
    mov $7, %eax
    do_system_call yield
    end
    begin "an unknown system call with the stack at \stack", system_call, 1234
    movabs $\stack, %rsp
    mov $1234, %edx
1:  syscall
    end
    begin "an exception with the stack at \stack", exception, ud, 0, 7
    movabs $\stack, %rsp
    mov $7, %eax
    end
    begin "INT 200 with the stack at \stack", system_call, 0xffffffffc8000000
    movabs $\stack, %rsp
1:  int $200
    end
    .endr
    begin "a push into the kernel", page, image+0x105ff8, 7
    mov $image + 0x106000, %rsp
1:  push %rax
    end

    // What a system call leaves alone.
    begin "a system call keeps DF, NT, AC and ID", exception, ud, 0, 0x244602
    set_flags 0x244602
    do_system_call yield
    pushfq
    pop %rax
    cld
    set_flags 2
    end
    begin "a system call keeps the arithmetic flags", exception, ud, 0, 0xad5
    set_flags 0x8d7
    do_system_call yield
    pushfq
    pop %rax
    and $0xdd5, %eax
    or $0x200, %eax
    end
    begin "a system call keeps all but rcx and r11", exception, ud, 0, 91
    mov $1, %ebx
    mov $2, %ebp
    mov $4, %esi
    mov $8, %edi
    mov $16, %r12d
    mov $32, %r13d
    mov $28, %r14d
    xor %eax, %eax
    do_system_call yield
    add %rbx, %rax
    add %rbp, %rax
    add %rsi, %rax
    add %rdi, %rax
    add %r12, %rax
    add %r13, %rax
    add %r14, %rax
    end
    begin "rcx and r11 tell rip and the flags, no more", exception, ud, 0, 0
    do_system_call yield
2:  lea 2b(%rip), %rax
    xor %rcx, %rax
    pushfq
    pop %rbx
    and $~0x1d5, %r11
    and $~0x1d5, %rbx
    xor %r11, %rbx
    or %rbx, %rax
    end
    begin "flags that would hurt the kernel", exception, ud, 0, 0x202
    pushq $0x3002 // IOPL 3, interrupts off
    popfq
    pushfq
    pop %rax
    and $0x3202, %eax
    end

    // Single steps.
    begin "a single step over NOP", exception, db
    set_flags 0x102
    nop
1:  nop
    end
    begin "a single step over SYSCALL", step, db
    mov $yield, %rdx
    set_flags 0x102
    syscall
    nop
1:  nop
    end
    begin "a single step over an unknown system call", system_call, 1234
    mov $1234, %edx
    set_flags 0x102
1:  syscall
    end
    begin "a single step over INT 158", system_call, 0xffffffff9e000000
    set_flags 0x102
1:  int $158
    end
    begin "a single step over INT 255", exception, db
    set_flags 0x102
    int $255
    nop
1:  nop
    end
    begin "a single step over INT3", exception, 3
    set_flags 0x102
    int3
    end
    begin "a single step over UD2", exception, ud
    set_flags 0x102
    end
    begin "a single step over a page fault", page, 16, 4
    set_flags 0x102
1:  mov 16, %rax
    end
    begin "a single step over MOV SS and SYSCALL", step, db
    mov $0x33, %eax
    mov $yield, %rdx
    set_flags 0x102
    mov %eax, %ss
    syscall
    nop
1:  nop
    end
    begin "a single step over MOV SS and INT 158", system_call, 0xffffffff9e000000
    mov $0x33, %ebx
    set_flags 0x102
    mov %ebx, %ss
1:  int $158
    end
    begin "a single step over MOV SS and UD2", exception, ud
    mov $0x33, %ebx
    set_flags 0x102
    mov %ebx, %ss
    end

    .section .note.GNU-stack, "", @progbits

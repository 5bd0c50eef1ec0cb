// SPDX-License-Identifier: Apache-2.0
// Instructions that are the kernel's, interrupts by number, far jumps.
#include "test/isolation/attacks.h"

    // What changes or stops the processor.
    begin "UD2", exception, ud
    end
    refused "HLT", gp, 0, "hlt"
    refused "CLI", gp, 0, "cli"
    refused "STI", gp, 0, "sti"
    refused "CLTS", gp, 0, "clts"
    refused "LMSW", gp, 0, "lmsw %ax"
    refused "INVD", gp, 0, "invd"
    refused "WBINVD", gp, 0, "wbinvd"
    refused "INVLPG", gp, 0, "invlpg (%rsp)"
    refused "INVPCID", gp_or_ud, 0, "invpcid (%rsp), %rax"
    refused "RDMSR of EFER", gp, 0, "rdmsr", "mov $0xc0000080, %ecx"
    refused "RDMSR of the APIC's base", gp, 0, "rdmsr", "mov $0x1b, %ecx"
    refused "WRMSR of the system call entry", gp, 0, "wrmsr", "mov $0xc0000082, %ecx"
    refused "WRMSR of FS's base", gp, 0, "wrmsr", "mov $0xc0000100, %ecx"
    refused "RDPMC", gp, 0, "rdpmc"
    refused "SWAPGS", gp, 0, "swapgs"
    refused "SYSRET", gp, 0, "sysretq"
    refused "SYSRET to 32-bit code", gp, 0, "sysretl"
    refused "SYSEXIT", gp_or_ud, 0, "sysexit"
    refused "SYSENTER", gp_or_ud, 0, "sysenter"
    refused "RSM", ud, 0, "rsm"
    refused "STAC", ud, 0, "stac"
    refused "CLAC", ud, 0, "clac"
    refused "MONITOR", gp_or_ud, 0, "monitor", "mov %rsp, %rax"
    refused "MWAIT", gp_or_ud, 0, "mwait"
    .irp number, 0, 2, 3, 4, 8
    refused "MOV from CR\number", gp, 0, "mov %cr\number, %rax"
    refused "MOV to CR\number", gp, 0, "mov %rax, %cr\number"
    .endr
    refused "MOV from CR1, which does not exist", gp_or_ud, 0, ".byte 0x0f, 0x20, 0xc8"
    refused "MOV from CR15, which does not exist", gp_or_ud, 0, ".byte 0x44, 0x0f, 0x20, 0xf8"
    .irp number, 0, 1, 2, 3, 6, 7
    refused "MOV from DR\number", gp, 0, "mov %db\number, %rax"
    refused "MOV to DR\number", gp, 0, "mov %rax, %db\number"
    .endr

    // Descriptor tables.
    refused "LGDT", gp, 0, "lgdt (%rsp)"
    refused "LIDT", gp, 0, "lidt (%rsp)"
    refused "LLDT", gp, 0, "lldt %ax"
    refused "LTR", gp, 0, "ltr %ax", "mov $0x18, %eax"
    refused "SGDT", umip, 0, "sgdt -16(%rsp)"
    refused "SIDT", umip, 0, "sidt -16(%rsp)"
    refused "SLDT", umip, 0, "sldt %eax"
    refused "STR", umip, 0, "str %eax"
    refused "SMSW", umip, 0, "smsw %eax"

    // Extensions that are switched off: their state would not be switched with the thread.
    refused "RDFSBASE", ud, 0, "rdfsbase %rax"
    refused "RDGSBASE", ud, 0, "rdgsbase %rax"
    refused "WRFSBASE of a kernel address", ud, 0, "wrfsbase %rax", "movabs $window, %rax"
    refused "WRGSBASE of an address that is not canonical", ud, 0, "wrgsbase %rax", "movabs $0x800000000000, %rax"
    refused "RDPKRU", ud, 0, "rdpkru"
    refused "WRPKRU", ud, 0, "wrpkru"
    refused "XGETBV", ud, 0, "xgetbv"
    refused "XSETBV", gp_or_ud, 0, "xsetbv"
    refused "XSAVE", ud, 0, "xsave 0x100(%rsp)", "sub $0x800, %rsp"
    refused "an AVX instruction", ud, 0, "vxorps %ymm0, %ymm0, %ymm0"

    // Guest mode.
    refused "VMRUN", gp_or_ud, 0, "vmrun %rax"
    refused "VMLOAD", gp_or_ud, 0, "vmload %rax"
    refused "VMSAVE", gp_or_ud, 0, "vmsave %rax"
    refused "STGI", gp_or_ud, 0, "stgi"
    refused "CLGI", gp_or_ud, 0, "clgi"
    refused "INVLPGA", gp_or_ud, 0, "invlpga %rax, %ecx"
    refused "SKINIT", gp_or_ud, 0, "skinit %eax"
    refused "VMMCALL", ud, 0, "vmmcall"
    refused "VMCALL", ud, 0, "vmcall"
    refused "VMXON", gp_or_ud, 0, "vmxon (%rsp)"
    refused "VMLAUNCH", gp_or_ud, 0, "vmlaunch"
    refused "VMREAD", gp_or_ud, 0, "vmread %rax, %rbx"

    // I/O.
    .irp size, b, w, l
    refused "IN\size of a fixed port", gp, 0, ".ifc \size, b; inb $0x64, %al; .endif; .ifc \size, w; inw $0x64, %ax; .endif; .ifc \size, l; inl $0x64, %eax; .endif"
    refused "INS\size", gp, 0, "ins\size", "mov $0x60, %dx; mov %rsp, %rdi"
    refused "OUTS\size", gp, 0, "outs\size", "mov $0x3f8, %dx; mov %rsp, %rsi"
    .endr
    refused "OUT", gp, 0, "out %al, $0x80"
    refused "a string of OUTs", gp, 0, "rep outsb", "mov $0x3f8, %dx; mov $10, %ecx"
    refused "a string of no OUTs", gp, 0, "rep outsb", "mov $0x3f8, %dx; xor %ecx, %ecx"

    // Ways to another code segment.
    refused_return "IRET to the kernel's code segment", 8, "iretq", "pushq $0x10; push %rsp; pushq $2; pushq $0x08; pushq $image + 0x101000"
    refused_return "IRET with the kernel's stack segment", 0x10, "iretq", "pushq $0x10; push %rsp; pushq $2; pushq $0x2b; pushq $0x500000"
    refused_return "IRET without a stack segment", 0, "iretq", "pushq $0; push %rsp; pushq $2; pushq $0x2b; pushq $0x500000"
    refused_return "IRET with NT set", 0, "iretq", "pushq $0x33; push %rsp; pushq $2; pushq $0x2b; pushq $0x500000; pushq $0x4002; popfq"
    refused_return "a far return to the kernel's code segment", 8, "lretq", "pushq $0x08; pushq $image + 0x101000"
    refused_return "a far return to a data segment", 0x30, "lretq", "pushq $0x33; pushq $0x500000"
    refused_return "a far return to nowhere", 0, "lretq", "pushq $0; pushq $0x500000"
    refused_return "a far return beyond the GDT", 0x1230, "lretq", "pushq $0x1233; pushq $0x500000"
    refused "a far jump to the task state segment", gp, 0x18, "ljmp *(%rsp)", "movabs $0x1800000000, %rax; push %rax"
    refused "a far jump to the kernel's code segment", gp, 8, "ljmp *(%rsp)", "movabs $0x0800101000, %rax; push %rax"
    refused "a far call to the kernel's code segment", gp, 8, "lcall *(%rsp)", "movabs $0x0800101000, %rax; push %rax"
    refused "a far call through the LDT", gp, 4, "lcall *(%rsp)", "movabs $0x0700101000, %rax; push %rax"

    // Interrupts by number have their own test (all 256); these are the instructions with a number built in.
    begin "INT3", exception, 3
    int3
    end
    begin "INT1", exception, db_or_ud
    .byte 0xf1
    end
    refused "INTO does not exist", ud, 0, ".byte 0xce"
    refused "BOUND does not exist", ud, 0, ".byte 0x62, 0, 0, 0, 0, 0"
    begin "INT 158", system_call, 0xffffffff9e234567
    mov $0x1234567, %eax
1:  int $158
    end
    begin "INT 254", system_call, 0xfffffffffe000000
1:  int $254
    end
    begin "INT 255 is nothing", exception, ud, 0, 7
    mov $7, %eax
    int $255
    end

    // What may be done, and tells nothing.
    begin "RDTSCP names no processor", exception, ud, 0, 0
    rdtscp
    mov %ecx, %eax
    end
    begin "LSL of the kernel's segments", exception, ud, 0, 0
    mov $0x08, %ecx
    lsl %ecx, %eax
    jz 2f
    mov $0x18, %ecx
    lsl %ecx, %eax
    jz 2f
    xor %eax, %eax
2:
    end
    begin "VERW of the kernel's data", exception, ud, 0, 0
    mov $0x10, %ecx
    verw %cx
    setz %al
    end

    .section .note.GNU-stack, "", @progbits

// SPDX-License-Identifier: Apache-2.0
// The words in which the attacks are written. A case starts with a stack of its own and registers of zero and must end in
// exactly one fault, whose FaultIP is the first label 1 in it:
//
//   begin "what it does", FAULT, detail, code, result
//       instructions
//   1:  the one that faults (a trap: the one after it)
//   end                        // is a label 1 and UD2, for cases that live to tell
//
// FAULT        detail        code
// exception    its vector    error code
// step         1 (debug)     0; how many instructions later does not matter, processors differ
// far_return   as exception; from a processor with SMAP, QEMU 7.2 gives a page fault at rsp instead
// page         address       status word of the message: the processor's error code
// system_call  the number    -
// `result` is rax at that moment.
#pragma once

    .set exception, 3
    .set step, 0x103
    .set far_return, 0x203
    .set page, 5
    .set system_call, 2
    .set any, 0x6e4e6e4e  // as a detail, code or result: does not matter
    .set umip, 0x6e4e0001 // as a vector: #GP where the processor has UMIP, otherwise the case goes on to its UD2
    .set gp_or_ud, 0x6e4e0002 // as a vector: either, processors differ
    .set db_or_ud, 0x6e4e0003 // as a vector: either, QEMU 7.2 does not know INT1
    .set db, 1
    .set ud, 6
    .set np, 11
    .set ss_fault, 12
    .set gp, 13
    .set window, 0xffffff8000000000
    .set image, 0xffffffff80000000
    .set yield, -7
    .set rflags_mask, 0x244ED5 // what a thread can see and change, less TF

.macro begin name:req, fault:req, detail:req, code=0, result=any
    .section .rodata.names, "a"
9:  .asciz "\name"
    .section .rodata.cases, "a"
    .quad 9b, 8f, 1f, \fault, \detail, \code, \result
    .section .attacks, "ax", @progbits
8:
.endm
// The same for instructions that take their target from the stack.
.macro refused_return name:req, code:req, instruction:req, prepare
    begin "\name", far_return, gp, \code
    \prepare
1:  \instruction
    end
.endm
.macro end
1:  ud2
.endm
// One instruction that faults.
.macro refused name:req, vector:req, code:req, instruction:req, prepare
    begin "\name", exception, \vector, \code
    \prepare
1:  \instruction
    end
.endm
.macro do_system_call number
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

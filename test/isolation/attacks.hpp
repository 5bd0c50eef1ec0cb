// SPDX-License-Identifier: Apache-2.0
// The attacks of routines.S, which take their arguments in registers. They end in UD2 unless they fault before. They run in the
// child, at Child::address_of.
#pragma once

#include "base/types.hpp"

extern "C" {
void attack_end();          // UD2
void attack_system_call();  // SYSCALL with the registers as they are
void attack_end_of_call();  // ... and what follows it
void attack_read();         // one byte at rdi
void attack_read_word();    // rax = eight bytes at rdi
void attack_write();        // one byte at rdi
void attack_execute();      // a jump to rdi
void attack_read_fs();      // one byte at FS's base
void attack_read_gs();
void attack_push();
void attack_popf();         // flags := rdi; rax = the flags after that
void attack_popf_call();    // flags := rdi, an unknown system call
void attack_flags();        // rax = flags
void attack_in8();          // port in edx
void attack_in16();
void attack_in32();
void attack_out8();
void attack_out16();
void attack_out32();
void attack_load_ds();      // selector in edi; eax = selector afterwards
void attack_load_es();
void attack_load_fs();
void attack_load_gs();
void attack_load_ss();
void attack_selectors();    // rax = DS, ES, FS, GS, 16 bits each
void attack_spin();         // rcx times round a loop
void attack_spin_no_stack();// the same with rsp = rdi
void attack_spin_for_ever();
void attack_load_fpu();     // FXRSTOR of the 512 bytes at rdi
void attack_save_fpu();     // FXSAVE to rdi
void attack_touch_call_touch(); // reads at rbx, Call, reads at rbx again into r12
void attack_touch_call_write(); // the same, then a write
}

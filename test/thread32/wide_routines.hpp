// SPDX-License-Identifier: Apache-2.0
// The 64-bit routines of wide_routines.S: for their addresses, never called here.
#pragma once

extern "C" {
void wide_count();              // adds 1 to all general registers but rsp
void wide_flags();              // rdx: flags, rbx: rsp
void wide_popf();               // flags from rax, back to rax
void wide_selectors();          // eax cs, ebx ss, ecx ds, edx es, esi fs, edi gs
void wide_load_ds();            // from eax, read back to ebx
void wide_load_es();
void wide_load_fs();
void wide_load_gs();
void wide_load_ss();
void wide_read_fs();            // rax: fs:0, rcx: gs:8
void wide_far_jump();           // through the pointer at (rbx): 32 bits of offset
void wide_far_jump_64();        // 64 bits, on Intel's processors
void wide_far_call();
void wide_far_return();         // 64-bit stack
void wide_far_return_32();
void wide_interrupt_return();
void wide_interrupt_return_32();
void wide_target();             // eax 0 in 64-bit mode, -1 in 32-bit mode; ecx cs
void wide_read();               // rax from (rbx)
void wide_write();              // rax to (rbx)
void wide_execute();            // at rbx
void wide_push();
void wide_steps();              // adds 1 to eax, ecx, edx
void wide_spin();               // counts at (rbx) for ever, r8 + r9 stays
}

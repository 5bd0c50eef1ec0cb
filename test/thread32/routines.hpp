// SPDX-License-Identifier: Apache-2.0
// The 32-bit routines of routines.S: for their addresses, never called here.
#pragma once

extern "C" {
void guest_count();            // adds 1 to eax, ecx, edx, ebx, ebp, esi, edi
void guest_end();              // traps at once
void guest_stack();            // pushes eax and a word; ecx: the word, edx: flags, ebx: esp
void guest_selectors();        // eax cs, ebx ss, ecx ds, edx es, esi fs, edi gs
void guest_load_ds();          // from eax, read back to ebx
void guest_load_es();
void guest_load_fs();
void guest_load_gs();
void guest_load_ss();
void guest_read_fs();          // eax: fs:0, ecx: gs:4
void guest_far_jump();         // through the pointer at (ebx)
void guest_far_call();
void guest_far_return();
void guest_interrupt_return();
void guest_target();           // eax -1, ecx cs
void guest_read();             // eax from (ebx)
void guest_write();            // eax to (ebx)
void guest_execute();          // at ebx
void guest_popf();             // flags from eax, back to eax
void guest_steps();            // adds 1 to eax, ecx, edx
void guest_spin();             // counts at (ebx) for ever, esi + edi stays
void guest_spin_segments();    // ecx rounds with ds null and es the code segment; eax ds, edx es
void guest_load_fpu();         // st(0) and xmm0 from (ebx)
void guest_store_fpu();        // st(0) to (ebx), xmm0 to eax
}

// SPDX-License-Identifier: Apache-2.0
// The instructions by chapter. Each function carries out e.instruction on e.core; those that change
// more of the processor than its core registers do it last, when nothing can fail any more.
#pragma once

#include "x86/emulate/execution.hpp"

namespace x86 {

// clang-format off

// opcodes.cpp: finds the function among these
Done carry_out(Execution& e);

// integer.cpp: operands in registers and memory
Done arithmetic(Execution& e);          // 00-3F: ADD OR ADC SBB AND SUB XOR CMP
Done arithmetic_immediate(Execution& e); // 80-83
Done shift_or_rotate(Execution& e);     // C0 C1 D0-D3
Done unary(Execution& e);               // F6 F7: TEST NOT NEG MUL IMUL DIV IDIV
Done increment_or_decrement(Execution& e); // FE, FF /0 /1
Done exchange(Execution& e);            // 86 87
Done multiply_to_register(Execution& e); // IMUL 69 6B 0F AF
Done move_extended(Execution& e);       // MOVZX MOVSX MOVSXD
Done decimal(Execution& e);             // DAA DAS AAA AAS AAM AAD
Done convert(Execution& e);             // CBW CWDE CDQE CWD CDQ CQO

// bits.cpp
Done bit_test(Execution& e);            // BT BTS BTR BTC
Done bit_scan(Execution& e);            // BSF BSR TZCNT LZCNT POPCNT
Done double_shift(Execution& e);        // SHLD SHRD
Done byte_swap(Execution& e);           // BSWAP
Done move_swapped(Execution& e);        // MOVBE
Done compare_exchange(Execution& e);    // CMPXCHG
Done compare_exchange_wide(Execution& e); // CMPXCHG8B CMPXCHG16B
Done exchange_add(Execution& e);        // XADD

// stack.cpp, near branches included
Done push_all(Execution& e);            // PUSHA
Done pop_all(Execution& e);             // POPA
Done pop_operand(Execution& e);         // POP r/m
Done push_flags(Execution& e);
Done pop_flags(Execution& e);
Done enter(Execution& e);
Done leave(Execution& e);

Done jump_near(Execution& e);           // E9 EB
Done call_near(Execution& e);           // E8
Done return_near(Execution& e);         // C2 C3
Done loop(Execution& e);                // E0-E3
Done indirect(Execution& e);            // FF /2 to /6

// strings.cpp
Done string(Execution& e);              // MOVS CMPS STOS LODS SCAS INS OUTS, with their prefixes

// system.cpp: privileged and sensitive
Done interrupt_flag(Execution& e);      // CLI STI
Done port(Execution& e);                // IN OUT
Done move_control(Execution& e);        // MOV CR
Done move_debug(Execution& e);          // MOV DR
Done group_0f00(Execution& e);          // SLDT STR LLDT LTR VERR VERW
Done group_0f01(Execution& e);          // SGDT SIDT LGDT LIDT SMSW LMSW INVLPG and others
Done clear_task_switched(Execution& e);
Done read_msr(Execution& e);
Done write_msr(Execution& e);
Done time_stamp(Execution& e);          // RDTSC RDTSCP
Done processor_identification(Execution& e);

// segments.cpp
Done move_from_segment(Execution& e);   // 8C
Done move_to_segment(Execution& e);     // 8E
Done push_segment(Execution& e, SegmentName name);
Done pop_segment(Execution& e, SegmentName name);
Done load_far_pointer(Execution& e, SegmentName name); // LDS LES LFS LGS LSS
Done segment_information(Execution& e); // LAR LSL
Done verify(Execution& e, bool write);  // VERR VERW
Done load_local_table(Execution& e);    // LLDT
Done load_task_register(Execution& e);  // LTR

// far.cpp: transfers to other segments and privilege levels
Done jump_far(Execution& e, u16 selector, u64 offset);
Done call_far(Execution& e, u16 selector, u64 offset);
Done return_far(Execution& e);          // CA CB
Done return_from_interrupt(Execution& e); // IRET
Done system_enter(Execution& e);        // SYSENTER
Done system_exit(Execution& e);         // SYSEXIT

// delivery.cpp: INT n, INT3, INTO
Done software_interrupt(Execution& e, u8 number);
// clang-format on

} // namespace x86

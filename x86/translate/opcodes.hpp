// SPDX-License-Identifier: Apache-2.0
// What each opcode is to the translator. Everything that is not named here is for the emulator.
#pragma once

#include "base/types.hpp"

namespace x86::translate {

// How an instruction is translated.
enum class Form : u8 {
    emulate,
    copy,          // ModRM, or none
    copy_register, // the register is in the opcode's low bits
    increment,     // 40 to 4F
    offset,        // A0 to A3: MOV with an address in the code
    address,       // LEA
    string,
    translate_byte, // XLAT
    bit_string,     // BT and the like with a register: memory outside of the operand
    vector_mask,    // MASKMOVQ, MASKMOVDQU: [edi]
    environment,    // FNSTENV, FNSAVE, FXSAVE: show where the last FPU instruction was
    none,           // nothing to do
    // stack
    push_register,
    pop_register,
    push_immediate,
    push_selector,
    push_memory,
    pop_memory,
    push_all,
    pop_all,
    leave,
    push_flags,
    pop_flags,
    // registers of the system that State has
    load_selector,
    clear_interrupt,
    set_interrupt,
    // control
    jump_if,
    jump,
    call,
    ret,
    loop,
    jump_indirect,
    call_indirect,
    interrupt_return,
};

struct OpcodeFacts {
    Form form{};
    // What the ModRM fields name, if they name general registers.
    bool reg{}, reg_byte{}, rm{}, rm_byte{};
    bool fpu{};
    bool spares_flags{}; // neither reads nor writes any
    bool reads_flags{};
    bool implicit{}; // uses general registers that ModRM does not name
};

struct Decoded;
OpcodeFacts const& facts_of(Decoded const& instruction);
OpcodeFacts const& facts_of_undecodable();

} // namespace x86::translate

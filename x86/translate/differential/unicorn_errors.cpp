// SPDX-License-Identifier: Apache-2.0
// What Unicorn 2.0 does otherwise than the manual says or processors do: each found by a case, and decided by the manual or, where level 3 and 32-bit
// code show it too, by the processor of this machine (differential_test.cpp).
#include "x86/emulate/processor.hpp"
#include "x86/translate/differential/unicorn.hpp"

namespace x86::translate::differential {

char const* where_unicorn_differs(Executed const& executed) {
    auto const& instruction = executed.decoded.instruction;
    auto const& first = executed.decoded.operands[0];
    bool const page_fault = executed.vector == vector::page_fault;
    bool const in_memory = first.type == ZYDIS_OPERAND_TYPE_MEMORY;
    u32 const count = instruction.address_width == 16 ? executed.ecx & 0xffff : executed.ecx;
    switch (instruction.mnemonic) {
    case ZYDIS_MNEMONIC_ARPL:
        if (in_memory) return "ARPL: it writes even what does not change";
        break;
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSD:
        if (page_fault) return "CMPS: which of both operands faults first is open";
        break;
    case ZYDIS_MNEMONIC_CMPXCHG8B: return "CMPXCHG8B: it forgets the flags before, but for ZF";
    case ZYDIS_MNEMONIC_ENTER:
        if (page_fault) return "ENTER: it does not look whether the new top of the stack can be written";
        // The manual leaves that to the stack's size; processors go by the operand's.
        if (instruction.operand_width != executed.stack_size * 8) return "ENTER: it changes as much of EBP as the stack's size says";
        break;
    case ZYDIS_MNEMONIC_HLT:
        if (executed.vector == vector::debug) return "HLT: it halts in the middle of a single step";
        break;
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
        if (count == 1) return "LOOPE, LOOPNE: it forgets the flags where the count ends";
        break;
    case ZYDIS_MNEMONIC_NEG:
        if ((instruction.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0) return "LOCK NEG: it makes the flags of the old value";
        break;
    case ZYDIS_MNEMONIC_POPA:
    case ZYDIS_MNEMONIC_POPAD:
        if (page_fault) return "POPA: which registers are loaded before a fault is open";
        break;
    case ZYDIS_MNEMONIC_PUSHA:
    case ZYDIS_MNEMONIC_PUSHAD:
        if (page_fault) return "PUSHA: it begins at the other end";
        break;
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
        if (page_fault) return "RCL, RCR: it forgets the flags where the operand faults";
        break;
    case ZYDIS_MNEMONIC_RET:
        if (first.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && (first.imm.value.u & 0x8000) != 0) return "RET n: it takes n as signed";
        break;
    case ZYDIS_MNEMONIC_TEST:
        if ((instruction.opcode & 0xfe) == 0xf6 && instruction.raw.modrm.reg == 1) return "TEST: it does not know the second code for it";
        break;
    default: break;
    }
    if (instruction.meta.category == ZYDIS_CATEGORY_SETCC && page_fault) return "SETcc: it forgets the flags where the operand faults";
    bool const hint = instruction.opcode_map == ZYDIS_OPCODE_MAP_0F && (instruction.opcode == 0x0d || instruction.opcode == 0x18);
    if (hint && !in_memory) return "hints: it wants memory";
    return nullptr;
}

} // namespace x86::translate::differential

// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/emitter.hpp"

namespace x86::translate {
namespace {

constexpr unsigned rex_b = 1, rex_x = 2, rex_r = 4, rex_w = 8;
constexpr u8 sib_follows = 4, no_index = 4, no_base = 5;

bool extended(u8 number) { return number != host::none && number >= 8; }

} // namespace

void Emitter::prefixes(Opcode const& opcode, unsigned rex) {
    if (opcode.lock) byte(0xf0);
    if (opcode.size16) byte(0x66);
    if (opcode.repeat != 0) byte(opcode.repeat);
    if (opcode.wide) rex |= rex_w;
    if (rex != 0 || opcode.low_byte) byte(0x40 | rex);
    if (opcode.map != OpcodeMap::primary) byte(0x0f);
    if (opcode.map == OpcodeMap::map38) byte(0x38);
    if (opcode.map == OpcodeMap::map3a) byte(0x3a);
}

void Emitter::instruction_of_register(Opcode const& opcode, u8 number) {
    prefixes(opcode, extended(number) ? rex_b : 0);
    byte(opcode.value | (number & 7u));
}

void Emitter::instruction(Opcode const& opcode, u8 reg, Operand const& rm) {
    unsigned rex = extended(reg) ? rex_r : 0;
    if (extended(rm.base)) rex |= rex_b;
    if (extended(rm.index)) rex |= rex_x;
    if (rm.memory && rm.address32) byte(0x67);
    prefixes(opcode, rex);
    byte(opcode.value);
    unsigned const middle = (reg & 7u) << 3;
    if (!rm.memory) return byte(0xc0 | middle | (rm.base & 7u));
    bool const indexed = rm.index != host::none;
    unsigned const index = (indexed ? rm.index & 7u : no_index) << 3 | unsigned{rm.scale} << 6;
    if (rm.base == host::none) { // without a SIB byte it would be relative to rip
        byte(middle | sib_follows);
        byte(index | no_base);
        return word32(static_cast<u64>(rm.displacement));
    }
    unsigned const base = rm.base & 7u;
    bool const none = rm.displacement == 0 && base != no_base;
    bool const one_byte = rm.displacement >= -128 && rm.displacement < 128;
    unsigned const mod = none ? 0 : one_byte ? 0x40 : 0x80;
    if (indexed || base == sib_follows) {
        byte(mod | middle | sib_follows);
        byte(index | base);
    } else {
        byte(mod | middle | base);
    }
    if (!none) word(static_cast<u64>(rm.displacement), one_byte ? 1 : 4);
}

} // namespace x86::translate

// SPDX-License-Identifier: Apache-2.0
// Instructions that are the host's as well: the same opcode, with the prefixes that 64-bit code
// needs.
#include "x86/translate/builder.hpp"

namespace x86::translate {

using namespace host;

Opcode Builder::copied(Decoded const& d, OpcodeFacts const& facts) const {
    bool const prefix_is_opcode = facts.fpu && d.map != OpcodeMap::primary;
    bool const bytes_only = (facts.rm_byte || facts.reg_byte) && !facts.reg;
    Opcode result{.map = d.map, .value = d.opcode, .repeat = d.repeat, .lock = d.lock};
    result.size16 = prefix_is_opcode ? d.operand_prefix : d.operand_size == 2 && !bytes_only;
    if (d.map == OpcodeMap::primary) result.repeat = 0; // without a meaning there, but for strings
    return result;
}

void Builder::immediate(Decoded const& d) {
    e_.word(static_cast<u64>(d.immediate), d.immediate_size);
}

void Builder::copy(Decoded const& d) {
    auto const& facts = *d.facts;
    auto opcode = copied(d, facts);
    if (d.map == OpcodeMap::primary && d.opcode == 0x82)
        opcode.value = 0x80; // the same, but gone in 64-bit mode
    if (!d.modrm) {
        e_.simple(opcode);
        return immediate(d);
    }
    if (!d.memory) {
        e_.instruction(opcode, facts.reg ? host_register(d.reg) : d.reg,
                       in(facts.rm ? host_register(d.rm) : d.rm));
        return immediate(d);
    }
    bool const extended = d.base == 4 || d.address_size == 2 || !context_.flat(d.segment);
    if (facts.reg_byte && d.reg >= 4 && extended) return copy_high_byte(d, opcode);
    e_.instruction(opcode, facts.reg ? host_register(d.reg) : d.reg, address(d, size_of(d)));
    immediate(d);
}

// ah and a REX prefix do not go together: the operation is done on al, which has changed places
// with it.
void Builder::copy_high_byte(Decoded const& d, Opcode const& opcode) {
    u8 const low = d.reg - 4;
    locate(d);
    auto const operand = within(d, d.segment, size_of(d));
    auto const exchange = [&] { e_.instruction({.value = 0x86}, low, in(d.reg)); };
    exchange();
    note(d, static_cast<Action>(static_cast<u8>(Action::swap_eax) + low));
    e_.instruction(opcode, low, operand);
    exchange();
}

void Builder::copy_register(Decoded const& d) {
    auto opcode = copied(d, *d.facts);
    opcode.repeat = 0;
    opcode.value = d.opcode & 0xf8;
    e_.instruction_of_register(opcode, host_register(d.opcode & 7));
    immediate(d);
}

void Builder::increment(Decoded const& d) {
    u8 const extension = d.opcode < 0x48 ? 0 : 1;
    e_.instruction({.value = 0xff, .size16 = d.operand_size == 2}, extension,
                   in(host_register(d.opcode & 7)));
}

// MOV between the accumulator and an address in the code: in 64-bit mode that address has 64 bits.
void Builder::offset(Decoded const& d) {
    bool const byte = (d.opcode & 1) == 0, stores = d.opcode >= 0xa2;
    u8 const value = static_cast<u8>((stores ? 0x88 : 0x8a) | (byte ? 0 : 1));
    u8 const size = byte ? u8{1} : d.operand_size;
    e_.instruction({.value = value, .size16 = size == 2}, eax, address(d, size));
}

void Builder::load_address(Decoded const& d) {
    bool const half = d.operand_size == 2;
    if (d.address_size == 4) {
        auto from = address_of(d);
        from.address32 = false;
        return e_.instruction({.value = 0x8d, .size16 = half}, host_register(d.reg), from);
    }
    locate(d);
    e_.instruction({.value = 0x89, .size16 = half}, r9, in(host_register(d.reg)));
}

void Builder::string(Decoded const& d) {
    e_.byte(0x67);
    e_.simple({.value = d.opcode,
               .size16 = d.operand_size == 2 && (d.opcode & 1) != 0,
               .repeat = d.repeat});
    if (d.repeat == 0) return;
    Decoded next{}; // one of them may take seconds: events do not wait for the next as well
    next.offset = static_cast<u16>(d.offset + d.length);
    check_event(next);
}

void Builder::translate_byte(Decoded const& d) {
    e_.zero_extend8(r9, eax);
    e_.lea(r9, {.memory = true, .base = ebx, .index = r9});
    if (d.address_size == 2) e_.zero_extend16(r9, r9);
    e_.instruction({.value = 0x8a}, eax, within(d, d.segment, 1));
}

void Builder::vector_mask(Decoded const& d) {
    e_.byte(0x67);
    e_.instruction({.map = d.map, .value = d.opcode, .size16 = d.operand_prefix}, d.reg, in(d.rm));
}

// The host's would show where generated code lies: like a processor that does not keep them,
// pointers to the last instruction and operand are 0.
void Builder::environment(Decoded const& d) {
    auto const opcode = copied(d, *d.facts);
    e_.instruction(opcode, d.reg, address(d, 0));
    bool const extended = d.map == OpcodeMap::secondary; // FXSAVE has them elsewhere, in one size
    u8 const size = extended ? 4 : d.operand_size;
    i64 const first = extended ? 2 : 3;
    for (i64 field = first; field < first + 4; ++field) {
        e_.instruction({.value = 0xc7, .size16 = size == 2}, 0, address(d, 0, field * size));
        e_.word(0, size);
    }
}

void Builder::load_selector(Decoded const& d) {
    e_.load16(r12, field(offsetof(State, selectors) + d.reg * sizeof(u16)));
    if (d.memory) {
        e_.instruction({.value = 0x89, .size16 = true}, r12, address(d, 2));
    } else {
        e_.instruction({.value = 0x89, .size16 = d.operand_size == 2}, r12,
                       in(host_register(d.rm)));
    }
}

} // namespace x86::translate

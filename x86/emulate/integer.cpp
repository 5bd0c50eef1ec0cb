// SPDX-License-Identifier: Apache-2.0
// Arithmetic, logic and moves between registers and memory.
#include "x86/emulate/chapters.hpp"

namespace x86 {

namespace {

// By bit 0 of most opcodes: bytes, or operands of the operand size.
unsigned size_of(Execution const& e) {
    return (e.instruction.opcode & 1) != 0 ? e.instruction.operand_size : 1;
}

OrException<> apply(Execution& e, Arithmetic operation, unsigned bytes, u64 second) {
    if (operation == Arithmetic::cmp) {
        compute(operation, TRY(e.read_rm(bytes)), second, bytes, e.core.rflags);
        return {};
    }
    auto const to = TRY(e.operand(bytes));
    e.store(to, compute(operation, e.load(to), second, bytes, e.core.rflags));
    return {};
}

} // namespace

Done arithmetic(Execution& e) {
    auto const operation = Arithmetic{static_cast<u8>(e.instruction.opcode >> 3 & 7)};
    unsigned const bytes = size_of(e);
    switch (e.instruction.opcode & 7) {
    case 0:
    case 1: TRY(apply(e, operation, bytes, e.get(e.instruction.reg, bytes))); return Outcome::done;
    case 2:
    case 3: {
        u64 const second = TRY(e.read_rm(bytes));
        u64 const result =
            compute(operation, e.get(e.instruction.reg, bytes), second, bytes, e.core.rflags);
        if (operation != Arithmetic::cmp) e.set(e.instruction.reg, bytes, result);
        return Outcome::done;
    }
    default: {
        u64 const result =
            compute(operation, e.get(rax, bytes), e.instruction.immediate, bytes, e.core.rflags);
        if (operation != Arithmetic::cmp) e.set(rax, bytes, result);
        return Outcome::done;
    }
    }
}

Done arithmetic_immediate(Execution& e) {
    TRY(apply(e, Arithmetic{e.instruction.group()}, size_of(e), e.instruction.immediate));
    return Outcome::done;
}

Done shift_or_rotate(Execution& e) {
    unsigned const bytes = size_of(e);
    u8 const opcode = e.instruction.opcode;
    u64 const count = opcode < 0xd0 ? e.instruction.immediate : opcode < 0xd2 ? 1 : e.get(rcx, 1);
    auto const to = TRY(e.operand(bytes));
    e.store(to, shift(Shift{e.instruction.group()}, e.load(to), count, bytes, e.core.rflags));
    return Outcome::done;
}

namespace {

// The accumulator of twice the size: DX:AX and so on, AX for bytes.
Pair double_accumulator(Execution& e, unsigned bytes) {
    if (bytes == 1) return {e.get(rax, 1), e.get(rax, 2) >> 8};
    return {e.get(rax, bytes), e.get(rdx, bytes)};
}

void set_double_accumulator(Execution& e, unsigned bytes, Pair value) {
    if (bytes == 1) return e.set(rax, 2, value.high << 8 | value.low);
    e.set(rax, bytes, value.low);
    e.set(rdx, bytes, value.high);
}

} // namespace

Done unary(Execution& e) {
    unsigned const bytes = size_of(e);
    enum { test, test_alias, not_, negate, mul, imul, div, idiv };
    switch (e.instruction.group()) {
    case test:
    case test_alias:
        logic(TRY(e.read_rm(bytes)) & e.instruction.immediate, bytes, e.core.rflags);
        return Outcome::done;
    case not_: {
        auto const to = TRY(e.operand(bytes));
        e.store(to, ~e.load(to));
        return Outcome::done;
    }
    case negate: {
        auto const to = TRY(e.operand(bytes));
        e.store(to, subtract(0, e.load(to), false, bytes, e.core.rflags));
        return Outcome::done;
    }
    default: break;
    }
    u64 const operand = TRY(e.read_rm(bytes));
    u64 const accumulator = e.get(rax, bytes);
    switch (e.instruction.group()) {
    case mul:
        set_double_accumulator(e, bytes, multiply(accumulator, operand, bytes, e.core.rflags));
        break;
    case imul:
        set_double_accumulator(e, bytes,
                               multiply_signed(accumulator, operand, bytes, e.core.rflags));
        break;
    default: {
        auto const dividend = double_accumulator(e, bytes);
        auto const result = e.instruction.group() == div ? divide(dividend, operand, bytes)
                                                         : divide_signed(dividend, operand, bytes);
        if (!result) return fail(exceptions::divide_error());
        set_double_accumulator(e, bytes, {result->quotient, result->remainder});
    }
    }
    return Outcome::done;
}

Done increment_or_decrement(Execution& e) {
    unsigned const bytes = size_of(e);
    auto const to = TRY(e.operand(bytes));
    auto const change = e.instruction.group() == 0 ? increment : decrement;
    e.store(to, change(e.load(to), bytes, e.core.rflags));
    return Outcome::done;
}

Done exchange(Execution& e) {
    unsigned const bytes = size_of(e);
    auto const to = TRY(e.operand(bytes));
    u64 const old = e.load(to);
    e.store(to, e.get(e.instruction.reg, bytes));
    e.set(e.instruction.reg, bytes, old);
    return Outcome::done;
}

Done multiply_to_register(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    u64 const source = TRY(e.read_rm(bytes));
    u64 const factor = e.instruction.map == OpcodeMap::two_bytes ? e.get(e.instruction.reg, bytes)
                                                                 : e.instruction.immediate;
    e.set(e.instruction.reg, bytes, multiply_signed(source, factor, bytes, e.core.rflags).low);
    return Outcome::done;
}

Done move_extended(Execution& e) {
    u8 const opcode = e.instruction.opcode;
    bool const long_source = e.instruction.map == OpcodeMap::one_byte; // MOVSXD
    unsigned const to = e.instruction.operand_size;
    unsigned const from = long_source ? (to == 2 ? 2 : 4) : (opcode & 1) != 0 ? 2 : 1;
    u64 const value = TRY(e.read_rm(from));
    bool const is_signed = long_source || opcode >= 0xbe;
    e.set(e.instruction.reg, to, is_signed ? sign_extended(value, from) : value);
    return Outcome::done;
}

Done decimal(Execution& e) {
    u16 const ax = static_cast<u16>(e.get(rax, 2));
    u8 const base = static_cast<u8>(e.instruction.immediate);
    u64& rflags = e.core.rflags;
    u16 result = 0;
    switch (e.instruction.opcode) {
    case 0x27: result = decimal_adjust(ax, false, rflags); break;
    case 0x2f: result = decimal_adjust(ax, true, rflags); break;
    case 0x37: result = ascii_adjust(ax, false, rflags); break;
    case 0x3f: result = ascii_adjust(ax, true, rflags); break;
    case 0xd4:
        if (base == 0) return fail(exceptions::divide_error());
        result = ascii_multiply(ax, base, rflags);
        break;
    default: result = ascii_divide(ax, base, rflags); break;
    }
    e.set(rax, 2, result);
    return Outcome::done;
}

Done convert(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    if (e.instruction.opcode == 0x98)
        e.set(rax, bytes, sign_extended(e.get(rax, bytes / 2), bytes / 2));
    else
        e.set(rdx, bytes, (e.get(rax, bytes) & top_bit(bytes)) != 0 ? ~u64{0} : 0);
    return Outcome::done;
}

} // namespace x86

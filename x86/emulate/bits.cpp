// SPDX-License-Identifier: Apache-2.0
// Single bits, counting bits, byte order, and the compound operations that locks are made of.
#include <bit>
#include <cstring>

#include "x86/emulate/chapters.hpp"

namespace x86 {

Done bit_test(Execution& e) {
    enum { test, set, reset, complement };
    auto const& i = e.instruction;
    unsigned const bytes = i.operand_size, bits = 8 * bytes;
    bool const by_immediate = i.opcode == 0xba;
    unsigned const operation = by_immediate ? i.group() & 3u : i.opcode >> 3 & 3u;
    u64 const number = by_immediate ? i.immediate : e.get(i.reg, bytes);
    Operand operand{.memory = i.memory, .number = i.rm, .bytes = static_cast<u8>(bytes)};
    if (i.memory) {
        // A bit offset in a register reaches any memory around the operand.
        i64 const words =
            by_immediate ? 0
                         : static_cast<i64>(sign_extended(number, bytes)) >> std::countr_zero(bits);
        operand.place = TRY(e.memory(bytes, operation == test ? Access::read : Access::write,
                                     static_cast<u64>(words) * bytes));
    }
    u64 const bit = u64{1} << number % bits;
    u64 const value = e.load(operand);
    e.core.rflags =
        (value & bit) != 0 ? e.core.rflags | flags::carry : e.core.rflags & ~flags::carry;
    switch (operation) {
    case set: e.store(operand, value | bit); break;
    case reset: e.store(operand, value & ~bit); break;
    case complement: e.store(operand, value ^ bit); break;
    default: break;
    }
    return Outcome::done;
}

Done bit_scan(Execution& e) {
    auto const& i = e.instruction;
    unsigned const bytes = i.operand_size, bits = 8 * bytes;
    u64 const source = TRY(e.read_rm(bytes));
    u64& rflags = e.core.rflags;
    auto const leading_zeros = [&] {
        return static_cast<u64>(std::countl_zero(source)) - (64 - bits);
    };
    if (i.opcode == 0xb8) { // POPCNT
        rflags = (rflags & ~flags::arithmetic) | (source == 0 ? flags::zero : 0);
        e.set(i.reg, bytes, static_cast<u64>(std::popcount(source)));
        return Outcome::done;
    }
    bool const forward = i.opcode == 0xbc;
    if (i.repeat == 0xf3) { // TZCNT, LZCNT
        u64 const result = source == 0 ? bits
                           : forward   ? static_cast<u64>(std::countr_zero(source))
                                       : leading_zeros();
        rflags &= ~(flags::carry | flags::zero);
        rflags |= (source == 0 ? flags::carry : 0) | (result == 0 ? flags::zero : 0);
        e.set(i.reg, bytes, result);
        return Outcome::done;
    }
    if (source == 0) { // BSF, BSR leave the destination alone
        rflags |= flags::zero;
        return Outcome::done;
    }
    rflags &= ~flags::zero;
    e.set(i.reg, bytes,
          forward ? static_cast<u64>(std::countr_zero(source)) : bits - 1 - leading_zeros());
    return Outcome::done;
}

Done double_shift(Execution& e) {
    auto const& i = e.instruction;
    unsigned const bytes = i.operand_size;
    u64 const count = (i.opcode & 1) == 0 ? i.immediate : e.get(rcx, 1);
    auto const to = TRY(e.operand(bytes));
    bool const left = i.opcode < 0xa8;
    e.store(to, double_shift(left, e.load(to), e.get(i.reg, bytes), count, bytes, e.core.rflags));
    return Outcome::done;
}

namespace {
u64 swapped(u64 value, unsigned bytes) { return __builtin_bswap64(value) >> (64 - 8 * bytes); }
} // namespace

Done byte_swap(Execution& e) {
    unsigned const number = (e.instruction.opcode & 7u) | (e.instruction.rm & 8u);
    unsigned const bytes = e.instruction.operand_size;
    // Of 16 bits the manual leaves it undefined; processors give 0.
    e.set(number, bytes, bytes == 2 ? 0 : swapped(e.get(number, bytes), bytes));
    return Outcome::done;
}

Done move_swapped(Execution& e) {
    auto const& i = e.instruction;
    unsigned const bytes = i.operand_size;
    if ((i.opcode & 1) == 0)
        e.set(i.reg, bytes, swapped(TRY(e.read_rm(bytes)), bytes));
    else
        TRY(e.write_rm(bytes, swapped(e.get(i.reg, bytes), bytes)));
    return Outcome::done;
}

Done compare_exchange(Execution& e) {
    auto const& i = e.instruction;
    unsigned const bytes = (i.opcode & 1) != 0 ? i.operand_size : 1;
    auto const to = TRY(e.operand(bytes));
    u64 const old = e.load(to), expected = e.get(rax, bytes), source = e.get(i.reg, bytes);
    subtract(expected, old, false, bytes, e.core.rflags);
    if (old == expected) {
        e.store(to, source);
        return Outcome::done;
    }
    if (to.memory) e.store(to, old); // the processor always writes
    e.set(rax, bytes, old);
    return Outcome::done;
}

Done compare_exchange_wide(Execution& e) {
    unsigned const half = e.instruction.operand_size == 8 ? 8 : 4;
    u64 const offset = e.offset();
    if (half == 8 && offset % 16 != 0) return fail(exceptions::general_protection());
    u64 const address = TRY(e.linear(e.instruction.segment, offset, 2 * half, Access::write));
    if (half == 8 && address % 16 != 0) return fail(exceptions::general_protection());
    auto const place = TRY(e.locate(address, 2 * half, Access::write));
    u64 old[2]{};
    u8 bytes[16];
    e.load(place, bytes);
    std::memcpy(&old[0], bytes, half);
    std::memcpy(&old[1], bytes + half, half);
    bool const equal = old[0] == e.get(rax, half) && old[1] == e.get(rdx, half);
    if (equal) {
        u64 const replacement[2] = {e.get(rbx, half), e.get(rcx, half)};
        std::memcpy(bytes, &replacement[0], half);
        std::memcpy(bytes + half, &replacement[1], half);
        e.core.rflags |= flags::zero;
    } else {
        e.set(rax, half, old[0]);
        e.set(rdx, half, old[1]);
        e.core.rflags &= ~flags::zero;
    }
    e.store(place, bytes); // the processor always writes
    return Outcome::done;
}

Done exchange_add(Execution& e) {
    auto const& i = e.instruction;
    unsigned const bytes = (i.opcode & 1) != 0 ? i.operand_size : 1;
    auto const to = TRY(e.operand(bytes));
    u64 const old = e.load(to);
    u64 const sum = add(old, e.get(i.reg, bytes), false, bytes, e.core.rflags);
    e.set(i.reg, bytes, old);
    e.store(to, sum); // last: with the same register twice the sum stays
    return Outcome::done;
}

} // namespace x86

// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/arithmetic.hpp"

#include <bit>

namespace x86 {
namespace {

__extension__ using u128 = unsigned __int128;
__extension__ using i128 = __int128;

void put(u64& rflags, u64 flag, bool value) { rflags = value ? rflags | flag : rflags & ~flag; }

void set_result(u64& rflags, u64 result, unsigned bytes) {
    put(rflags, flags::zero, (result & mask_of(bytes)) == 0);
    put(rflags, flags::sign, (result & top_bit(bytes)) != 0);
    put(rflags, flags::parity, std::popcount(result & 0xff) % 2 == 0);
}

u128 wide(Pair pair, unsigned bytes) {
    return static_cast<u128>(pair.high & mask_of(bytes)) << 8 * bytes | (pair.low & mask_of(bytes));
}

Pair narrow(u128 value, unsigned bytes) {
    return {static_cast<u64>(value) & mask_of(bytes),
            static_cast<u64>(value >> 8 * bytes) & mask_of(bytes)};
}

} // namespace

u64 add(u64 first, u64 second, bool carry, unsigned bytes, u64& rflags) {
    u64 const mask = mask_of(bytes);
    u64 const result = (first + second + carry) & mask;
    u64 const carries = (first & second) | ((first | second) & ~result); // out of each bit
    set_result(rflags, result, bytes);
    put(rflags, flags::carry, (carries & top_bit(bytes)) != 0);
    put(rflags, flags::adjust, (carries & 8) != 0);
    put(rflags, flags::overflow, ((first ^ result) & (second ^ result) & top_bit(bytes)) != 0);
    return result;
}

u64 subtract(u64 first, u64 second, bool borrow, unsigned bytes, u64& rflags) {
    u64 const mask = mask_of(bytes);
    u64 const result = (first - second - borrow) & mask;
    u64 const borrows = (~first & second) | ((~first | second) & result); // out of each bit
    set_result(rflags, result, bytes);
    put(rflags, flags::carry, (borrows & top_bit(bytes)) != 0);
    put(rflags, flags::adjust, (borrows & 8) != 0);
    put(rflags, flags::overflow, ((first ^ second) & (first ^ result) & top_bit(bytes)) != 0);
    return result;
}

u64 logic(u64 result, unsigned bytes, u64& rflags) {
    set_result(rflags, result, bytes);
    rflags &= ~(flags::carry | flags::overflow | flags::adjust);
    return result & mask_of(bytes);
}

u64 increment(u64 value, unsigned bytes, u64& rflags) {
    u64 const kept = rflags & flags::carry;
    u64 const result = add(value, 1, false, bytes, rflags);
    rflags = (rflags & ~flags::carry) | kept;
    return result;
}

u64 decrement(u64 value, unsigned bytes, u64& rflags) {
    u64 const kept = rflags & flags::carry;
    u64 const result = subtract(value, 1, false, bytes, rflags);
    rflags = (rflags & ~flags::carry) | kept;
    return result;
}

u64 compute(Arithmetic operation, u64 first, u64 second, unsigned bytes, u64& rflags) {
    bool const carry = (rflags & flags::carry) != 0;
    switch (operation) {
    case Arithmetic::add: return add(first, second, false, bytes, rflags);
    case Arithmetic::or_: return logic(first | second, bytes, rflags);
    case Arithmetic::adc: return add(first, second, carry, bytes, rflags);
    case Arithmetic::sbb: return subtract(first, second, carry, bytes, rflags);
    case Arithmetic::and_: return logic(first & second, bytes, rflags);
    case Arithmetic::sub:
    case Arithmetic::cmp: return subtract(first, second, false, bytes, rflags);
    case Arithmetic::xor_: return logic(first ^ second, bytes, rflags);
    }
    return 0;
}

u64 shift(Shift operation, u64 value, u64 count, unsigned bytes, u64& rflags) {
    unsigned const bits = 8 * bytes;
    u64 const mask = mask_of(bytes), top = top_bit(bytes);
    unsigned const times = static_cast<unsigned>(count & (bytes == 8 ? 0x3f : 0x1f));
    value &= mask;
    if (times == 0) return value;
    u64 result = value;
    bool carry = (rflags & flags::carry) != 0;
    switch (operation) {
    case Shift::rol: {
        unsigned const by = times % bits;
        if (by != 0) result = (value << by | value >> (bits - by)) & mask;
        carry = (result & 1) != 0;
        break;
    }
    case Shift::ror: {
        unsigned const by = times % bits;
        if (by != 0) result = (value >> by | value << (bits - by)) & mask;
        carry = (result & top) != 0;
        break;
    }
    case Shift::rcl:
        for (unsigned i = 0; i < times % (bits + 1); ++i) {
            bool const out = (result & top) != 0;
            result = (result << 1 | carry) & mask;
            carry = out;
        }
        break;
    case Shift::rcr:
        for (unsigned i = 0; i < times % (bits + 1); ++i) {
            bool const out = (result & 1) != 0;
            result = result >> 1 | (carry ? top : 0);
            carry = out;
        }
        break;
    case Shift::shl:
    case Shift::sal:
        carry = times <= bits && (value >> (bits - times) & 1) != 0;
        result = times >= bits ? 0 : (value << times) & mask;
        break;
    case Shift::shr:
        carry = times <= bits && (value >> (times - 1) & 1) != 0;
        result = times >= bits ? 0 : value >> times;
        break;
    case Shift::sar: {
        i64 const number = static_cast<i64>(sign_extended(value, bytes));
        carry = (number >> (times - 1) & 1) != 0;
        result = static_cast<u64>(number >> times) & mask;
        break;
    }
    }
    bool const rotation = operation <= Shift::rcr;
    if (!rotation) set_result(rflags, result, bytes);
    // Defined for one step only; for more steps this is what processors do, too.
    bool overflow = false;
    switch (operation) {
    case Shift::rol:
    case Shift::rcl:
    case Shift::shl:
    case Shift::sal: overflow = ((result & top) != 0) != carry; break;
    case Shift::ror:
    case Shift::rcr: overflow = ((result ^ result << 1) & top) != 0; break;
    case Shift::shr: overflow = (value & top) != 0; break;
    case Shift::sar: break;
    }
    put(rflags, flags::carry, carry);
    put(rflags, flags::overflow, overflow);
    return result;
}

u64 double_shift(bool left, u64 value, u64 fill, u64 count, unsigned bytes, u64& rflags) {
    unsigned const bits = 8 * bytes;
    u64 const mask = mask_of(bytes), top = top_bit(bytes);
    unsigned const times = static_cast<unsigned>(count & (bytes == 8 ? 0x3f : 0x1f));
    value &= mask;
    if (times == 0) return value;
    u64 result;
    bool carry;
    if (bytes == 8) {
        result =
            left ? value << times | fill >> (64 - times) : value >> times | fill << (64 - times);
        carry = ((left ? value >> (64 - times) : value >> (times - 1)) & 1) != 0;
    } else { // in a row with `fill` twice: only 16-bit operands get to see the second one
        u128 const filling = static_cast<u128>(fill & mask) << bits | (fill & mask);
        u128 const row =
            left ? static_cast<u128>(value) << 2 * bits | filling : filling << bits | value;
        u128 const shifted = left ? row << times >> 2 * bits : row >> times;
        result = static_cast<u64>(shifted) & mask;
        carry = ((left ? shifted >> bits : row >> (times - 1)) & 1) != 0;
    }
    set_result(rflags, result, bytes);
    put(rflags, flags::carry, carry);
    put(rflags, flags::overflow, ((result ^ value) & top) != 0);
    return result;
}

Pair multiply(u64 first, u64 second, unsigned bytes, u64& rflags) {
    u128 const product = static_cast<u128>(first & mask_of(bytes)) * (second & mask_of(bytes));
    Pair const result = narrow(product, bytes);
    put(rflags, flags::carry | flags::overflow, result.high != 0);
    return result;
}

Pair multiply_signed(u64 first, u64 second, unsigned bytes, u64& rflags) {
    i128 const product = static_cast<i128>(static_cast<i64>(sign_extended(first, bytes))) *
                         static_cast<i64>(sign_extended(second, bytes));
    Pair const result = narrow(static_cast<u128>(product), bytes);
    bool const fits = product == static_cast<i64>(sign_extended(result.low, bytes));
    put(rflags, flags::carry | flags::overflow, !fits);
    return result;
}

std::optional<Quotient> divide(Pair dividend, u64 divisor, unsigned bytes) {
    divisor &= mask_of(bytes);
    dividend.high &= mask_of(bytes);
    if (dividend.high >= divisor) return std::nullopt; // by 0, or the quotient does not fit
    u128 const number = wide(dividend, bytes);
    return Quotient{static_cast<u64>(number / divisor), static_cast<u64>(number % divisor)};
}

std::optional<Quotient> divide_signed(Pair dividend, u64 divisor, unsigned bytes) {
    u64 const mask = mask_of(bytes), top = top_bit(bytes);
    bool const negative = (dividend.high & top) != 0;
    bool const negative_divisor = (divisor & top) != 0;
    u128 number = wide(dividend, bytes);
    if (negative) number = ~number + 1; // its magnitude
    Pair const magnitude = narrow(number, bytes);
    auto const unsigned_result = divide(magnitude, negative_divisor ? 0 - divisor : divisor, bytes);
    if (!unsigned_result) return std::nullopt;
    bool const negative_quotient = negative != negative_divisor;
    if (unsigned_result->quotient > (negative_quotient ? top : top - 1)) return std::nullopt;
    return Quotient{
        (negative_quotient ? 0 - unsigned_result->quotient : unsigned_result->quotient) & mask,
        (negative ? 0 - unsigned_result->remainder : unsigned_result->remainder) & mask};
}

bool condition(unsigned number, u64 rflags) {
    bool const less = ((rflags & flags::sign) != 0) != ((rflags & flags::overflow) != 0);
    bool value = false;
    switch (number >> 1 & 7) {
    case 0: value = (rflags & flags::overflow) != 0; break;
    case 1: value = (rflags & flags::carry) != 0; break;
    case 2: value = (rflags & flags::zero) != 0; break;
    case 3: value = (rflags & (flags::carry | flags::zero)) != 0; break;
    case 4: value = (rflags & flags::sign) != 0; break;
    case 5: value = (rflags & flags::parity) != 0; break;
    case 6: value = less; break;
    case 7: value = less || (rflags & flags::zero) != 0; break;
    }
    return value != ((number & 1) != 0);
}

u16 decimal_adjust(u16 ax, bool subtracts, u64& rflags) {
    u8 const al = static_cast<u8>(ax);
    bool const low = (al & 0xf) > 9 || (rflags & flags::adjust) != 0;
    bool const high = al > 0x99 || (rflags & flags::carry) != 0;
    unsigned const correction = (low ? 6u : 0u) + (high ? 0x60u : 0u);
    u8 const result = static_cast<u8>(subtracts ? al - correction : al + correction);
    // DAS alone also reports the borrow of its first step.
    bool const borrow = subtracts && low && al < 6;
    set_result(rflags, result, 1);
    put(rflags, flags::adjust, low);
    put(rflags, flags::carry, high || borrow);
    return static_cast<u16>((ax & 0xff00) | result);
}

u16 ascii_adjust(u16 ax, bool subtracts, u64& rflags) {
    bool const adjust = (ax & 0xf) > 9 || (rflags & flags::adjust) != 0;
    if (adjust) ax = static_cast<u16>(subtracts ? ax - 0x106 : ax + 0x106);
    put(rflags, flags::adjust | flags::carry, adjust);
    return ax & 0xff0f;
}

u16 ascii_multiply(u16 ax, u8 base, u64& rflags) {
    unsigned const al = ax & 0xff;
    set_result(rflags, al % base, 1);
    return static_cast<u16>((al / base) << 8 | al % base);
}

u16 ascii_divide(u16 ax, u8 base, u64& rflags) {
    unsigned const result = ((ax & 0xffu) + (ax >> 8) * base) & 0xff;
    set_result(rflags, result, 1);
    return static_cast<u16>(result);
}

} // namespace x86

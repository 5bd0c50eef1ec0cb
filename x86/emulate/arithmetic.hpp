// SPDX-License-Identifier: Apache-2.0
// What integer instructions compute, on numbers of 1, 2, 4 or 8 bytes: results and flags (Intel SDM
// vol. 1, 3.4.3 and vol. 2). Pure functions. Operands may carry anything above their size; results
// carry nothing there. A flag that the manual leaves undefined is left as it was, if not said
// otherwise.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace x86 {

namespace flags {
inline constexpr u64 carry = 1 << 0, fixed = 1 << 1, parity = 1 << 2, adjust = 1 << 4,
                     zero = 1 << 6, sign = 1 << 7, trap = 1 << 8, interrupt = 1 << 9,
                     direction = 1 << 10, overflow = 1 << 11, nested_task = 1 << 14,
                     resume = 1 << 16, virtual_8086 = 1 << 17, alignment_check = 1 << 18,
                     identification = 1 << 21;
inline constexpr u64 arithmetic = carry | parity | adjust | zero | sign | overflow;
using Iopl = Bits<13, 12>;
} // namespace flags

constexpr u64 mask_of(unsigned bytes) { return bytes >= 8 ? ~u64{0} : (u64{1} << 8 * bytes) - 1; }
constexpr u64 top_bit(unsigned bytes) { return u64{1} << (8 * bytes - 1); }
constexpr u64 sign_extended(u64 value, unsigned bytes) {
    unsigned const shift = 64 - 8 * bytes;
    return static_cast<u64>(static_cast<i64>(value << shift) >> shift);
}

u64 add(u64 first, u64 second, bool carry, unsigned bytes, u64& rflags);
u64 subtract(u64 first, u64 second, bool borrow, unsigned bytes, u64& rflags);
u64 logic(u64 result, unsigned bytes, u64& rflags); // flags of AND, OR, XOR, TEST
u64 increment(u64 value, unsigned bytes, u64& rflags);
u64 decrement(u64 value, unsigned bytes, u64& rflags);

// By the reg field of their opcodes.
enum class Arithmetic : u8 { add, or_, adc, sbb, and_, sub, xor_, cmp };
enum class Shift : u8 { rol, ror, rcl, rcr, shl, shr, sal, sar };

u64 compute(Arithmetic operation, u64 first, u64 second, unsigned bytes, u64& rflags);
// count as in the instruction: reduced here to 5 bits, or 6 for 8 bytes.
u64 shift(Shift operation, u64 value, u64 count, unsigned bytes, u64& rflags);
// SHLD, SHRD. 16-bit operands with more than 16 to shift (undefined by the manual) get
// `fill` again, as on AMD's.
u64 double_shift(bool left, u64 value, u64 fill, u64 count, unsigned bytes, u64& rflags);

struct Pair { // a number of twice the size
    u64 low, high;
};
Pair multiply(u64 first, u64 second, unsigned bytes, u64& rflags);
Pair multiply_signed(u64 first, u64 second, unsigned bytes, u64& rflags);

struct Quotient {
    u64 quotient, remainder;
};
// Empty: #DE.
std::optional<Quotient> divide(Pair dividend, u64 divisor, unsigned bytes);
std::optional<Quotient> divide_signed(Pair dividend, u64 divisor, unsigned bytes);

// The condition in the low four bits of Jcc, SETcc, CMOVcc.
bool condition(unsigned number, u64 rflags);

// Decimal arithmetic on AX.
u16 decimal_adjust(u16 ax, bool subtract, u64& rflags); // DAA, DAS
u16 ascii_adjust(u16 ax, bool subtract, u64& rflags);   // AAA, AAS
u16 ascii_multiply(u16 ax, u8 base, u64& rflags);       // AAM with a base other than 0
u16 ascii_divide(u16 ax, u8 base, u64& rflags);         // AAD

} // namespace x86

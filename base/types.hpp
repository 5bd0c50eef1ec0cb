// SPDX-License-Identifier: Apache-2.0
// Words that every part speaks: integers, addresses that cannot be mixed, bit fields, errors as values.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <utility>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i64 = std::int64_t;

// An address in one space. The tag makes each space a type of its own: mixing two does not compile.
template <class Space> struct Address {
    u64 value{};
    constexpr auto operator<=>(Address const&) const = default;
    constexpr Address operator+(u64 bytes) const { return {value + bytes}; }
    constexpr u64 operator-(Address other) const { return value - other.value; }
    constexpr bool is_aligned(unsigned bits) const { return (value & ((u64{1} << bits) - 1)) == 0; }
    constexpr Address align_down(unsigned bits) const { return {value >> bits << bits}; }
    constexpr Address align_up(unsigned bits) const {
        return Address{value + ((u64{1} << bits) - 1)}.align_down(bits);
    }
};
using PhysAddr = Address<struct PhysicalSpace>;
using VirtAddr = Address<struct VirtualSpace>; // a user's pointer: a number, never dereferenced
using GuestPhys = Address<struct GuestSpace>;

// A field of a word, written High, Low as the processor manuals print it: Bits<51, 12>.
template <unsigned High, unsigned Low = High> struct Bits {
    static_assert(High >= Low && High < 64);
    static constexpr unsigned low = Low;
    static constexpr unsigned width = High - Low + 1;
    static constexpr u64 max = width == 64 ? ~u64{0} : (u64{1} << (width % 64)) - 1;
    static constexpr u64 mask = max << Low;
    static constexpr u64 get(u64 word) { return (word >> Low) & max; }
    static constexpr u64 make(u64 value) { return (value & max) << Low; }
    static constexpr u64 set(u64 word, u64 value) { return (word & ~mask) | make(value); }
};

template <class Error> constexpr std::unexpected<Error> fail(Error error) {
    return std::unexpected<Error>(std::move(error));
}

// Passes an error up: `auto const slot = TRY(lookup(...));`
#define TRY(...)                                                                                   \
    ({                                                                                             \
        auto try_result = (__VA_ARGS__);                                                           \
        if (!try_result) [[unlikely]]                                                              \
            return std::unexpected(std::move(try_result).error());                                 \
        *std::move(try_result);                                                                    \
    })

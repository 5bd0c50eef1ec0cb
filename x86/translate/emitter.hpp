// SPDX-License-Identifier: Apache-2.0
// Writes 64-bit instructions. There is one encoder for all of them, because most are the guest's
// own: an opcode of theirs with another operand.
#pragma once

#include <cstring>

#include "base/types.hpp"

namespace x86::translate {

enum class OpcodeMap : u8 { primary, secondary /* 0F */, map38 /* 0F 38 */, map3a /* 0F 3A */ };

// Registers of the host. Guest registers are those of the same number, but esp, which is r8.
namespace host {
enum : u8 {
    eax,
    ecx,
    edx,
    ebx,
    rsp,
    ebp,
    esi,
    edi,
    esp /* the guest's */,
    r9,
    r10,
    r11,
    r12,
    r13,
    r14,
    state,
    none = 0xff
};
} // namespace host

constexpr u8 host_register(u8 guest) { return guest == 4 ? u8{host::esp} : guest; }

// The r/m operand.
struct Operand {
    bool memory{};
    u8 base{host::none}; // or the register
    u8 index{host::none};
    u8 scale{};         // log2
    i64 displacement{}; // fits in 32 bits
    bool address32{};   // the address is computed in 32 bits: a guest's
    bool operator==(Operand const&) const = default;
};

constexpr Operand in(u8 number) { return {.base = number}; }
constexpr Operand at(u8 base, i64 displacement = 0) {
    return {.memory = true, .base = base, .displacement = displacement};
}

struct Opcode {
    OpcodeMap map{};
    u8 value{};
    bool wide{};   // REX.W
    bool size16{}; // 66
    u8 repeat{};   // F2, F3 or 0
    bool lock{};
    bool low_byte{}; // register numbers 4 to 7 are spl bpl sil dil, which takes a REX prefix
};

class Emitter {
public:
    Emitter() = default;
    explicit Emitter(u8* at) : Emitter(at, at) {}
    // Code for `home`, written to `at` first. All positions are those at home.
    Emitter(u8* home, u8* at) : at_(at), begin_(at), home_(home) {}
    u8* position() const { return home_ + (at_ - begin_); }

    void byte(unsigned value) { *at_++ = static_cast<u8>(value); }
    void bytes(u8 const* from, std::size_t count) {
        std::memcpy(at_, from, count);
        at_ += count;
    }
    void word32(u64 value) {
        u32 const word = static_cast<u32>(value);
        bytes(reinterpret_cast<u8 const*>(&word), 4);
    }
    void word(u64 value, unsigned size) { bytes(reinterpret_cast<u8 const*>(&value), size); }

    // An instruction with ModRM: `reg` is a register or the opcode's extension.
    void instruction(Opcode const& opcode, u8 reg, Operand const& rm);
    // One with the register in the opcode's low bits.
    void instruction_of_register(Opcode const& opcode, u8 number);

    // One without operands.
    void simple(Opcode const& opcode) {
        prefixes(opcode, 0);
        byte(opcode.value);
    }

    // The few that glue code is made of; all leave the flags alone.
    void move(u8 to, u8 from) { instruction({.value = 0x89}, from, in(to)); }
    void load(u8 to, Operand const& from) { instruction({.value = 0x8b}, to, from); }
    void load_wide(u8 to, Operand const& from) {
        instruction({.value = 0x8b, .wide = true}, to, from);
    }
    void store(Operand const& to, u8 from) { instruction({.value = 0x89}, from, to); }
    void store_wide(Operand const& to, u8 from) {
        instruction({.value = 0x89, .wide = true}, from, to);
    }
    void store_immediate(Operand const& to, u32 value) {
        instruction({.value = 0xc7}, 0, to);
        word32(value);
    }
    void lea(u8 to, Operand const& from) { instruction({.value = 0x8d}, to, from); }
    void lea_wide(u8 to, Operand const& from) {
        instruction({.value = 0x8d, .wide = true}, to, from);
    }
    void zero_extend16(u8 to, u8 from) {
        instruction({.map = OpcodeMap::secondary, .value = 0xb7}, to, in(from));
    }
    void zero_extend8(u8 to, u8 from) {
        instruction({.map = OpcodeMap::secondary, .value = 0xb6, .low_byte = true}, to, in(from));
    }
    void load16(u8 to, Operand const& from) {
        instruction({.map = OpcodeMap::secondary, .value = 0xb7}, to, from);
    }

    void jump(u8 const* to) { relative(0xe9, to); }
    void call(u8 const* to) { relative(0xe8, to); }
    // JRCXZ over the next instructions: returns where the distance belongs; land() fills it in.
    u8* skip_if_rcx_zero() {
        byte(0xe3);
        byte(0);
        return position() - 1;
    }
    void land(u8* distance) {
        begin_[distance - home_] = static_cast<u8>(position() - distance - 1);
    }
    // The same for a rel32 and any place.
    void land_far(u8* distance, u8 const* to) {
        i64 const value = to - distance - 4;
        std::memcpy(begin_ + (distance - home_), &value, 4);
    }

private:
    void relative(u8 opcode, u8 const* to) {
        byte(opcode);
        word32(static_cast<u64>(to - position() - 4));
    }
    void prefixes(Opcode const& opcode, unsigned rex);
    u8 *at_{}, *begin_{}, *home_{};
};

} // namespace x86::translate

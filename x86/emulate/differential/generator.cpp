// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/differential/generator.hpp"

#include <bit>
#include <cstring>

#include "x86/emulate/arithmetic.hpp"

namespace x86 {
namespace {

enum class Immediate : u8 {
    none,
    byte,
    word,
    operand,
    full,
    address,
    branch8,
    branch32,
    word_byte
};
enum class Kind : u8 { plain, memory_only, string, stack, pop_flags, bit_offset, wide_exchange };

struct Form {
    u8 first, last; // opcodes
    u8 map;         // bytes 0F in front: 0, 1; 2 is 0F 38
    bool modrm;
    u8 groups = 0xff; // allowed values of ModRM.reg, if it extends the opcode
    Immediate immediate = Immediate::none;
    u64 undefined = 0; // flags
    Kind kind = Kind::plain;
    u8 repeat = 0; // mandatory prefix
};

constexpr u64 carry = flags::carry, adjust = flags::adjust, overflow = flags::overflow,
              zero = flags::zero, sign = flags::sign, parity = flags::parity;
constexpr u64 product = sign | zero | adjust | parity, scan = overflow | sign | adjust | parity;
constexpr u8 all = 0xff;

// clang-format off
constexpr Form forms[] = {
    {0x00, 0x03, 0, true}, {0x10, 0x13, 0, true}, {0x18, 0x1b, 0, true}, {0x28, 0x2b, 0, true}, {0x38, 0x3b, 0, true},
    {0x08, 0x0b, 0, true, all, Immediate::none, adjust}, {0x20, 0x23, 0, true, all, Immediate::none, adjust},
    {0x30, 0x33, 0, true, all, Immediate::none, adjust},
    {0x04, 0x04, 0, false, all, Immediate::byte}, {0x15, 0x15, 0, false, all, Immediate::operand},
    {0x1c, 0x1c, 0, false, all, Immediate::byte}, {0x2d, 0x2d, 0, false, all, Immediate::operand},
    {0x3d, 0x3d, 0, false, all, Immediate::operand},
    {0x50, 0x5f, 0, false, all, Immediate::none, 0, Kind::stack},
    {0x63, 0x63, 0, true}, {0x68, 0x68, 0, false, all, Immediate::operand, 0, Kind::stack},
    {0x6a, 0x6a, 0, false, all, Immediate::byte, 0, Kind::stack},
    {0x69, 0x69, 0, true, all, Immediate::operand, product}, {0x6b, 0x6b, 0, true, all, Immediate::byte, product},
    {0x6c, 0x6f, 0, false, all, Immediate::none, 0, Kind::string}, {0x70, 0x7f, 0, false, all, Immediate::branch8},
    {0x80, 0x80, 0, true, 0xac, Immediate::byte}, {0x81, 0x81, 0, true, 0xac, Immediate::operand},
    {0x83, 0x83, 0, true, 0xac, Immediate::byte}, {0x80, 0x80, 0, true, 0x52, Immediate::byte, adjust},
    {0x81, 0x81, 0, true, 0x52, Immediate::operand, adjust}, {0x83, 0x83, 0, true, 0x52, Immediate::byte, adjust},
    {0x84, 0x85, 0, true, all, Immediate::none, adjust}, {0x86, 0x8b, 0, true}, {0x8c, 0x8c, 0, true, 0x3f},
    {0x8d, 0x8d, 0, true, all, Immediate::none, 0, Kind::memory_only}, {0x8f, 0x8f, 0, true, 0x01, Immediate::none, 0, Kind::stack},
    {0x90, 0x99, 0, false}, {0x9c, 0x9c, 0, false, all, Immediate::none, 0, Kind::stack},
    {0x9d, 0x9d, 0, false, all, Immediate::none, 0, Kind::pop_flags}, {0x9e, 0x9f, 0, false},
    {0xa0, 0xa3, 0, false, all, Immediate::address}, {0xa4, 0xa7, 0, false, all, Immediate::none, 0, Kind::string},
    {0xa8, 0xa8, 0, false, all, Immediate::byte, adjust}, {0xa9, 0xa9, 0, false, all, Immediate::operand, adjust},
    {0xaa, 0xaf, 0, false, all, Immediate::none, 0, Kind::string},
    {0xb0, 0xb7, 0, false, all, Immediate::byte}, {0xb8, 0xbf, 0, false, all, Immediate::full},
    {0xc0, 0xc1, 0, true, 0xff, Immediate::byte, adjust}, {0xd0, 0xd3, 0, true, 0xff, Immediate::none, adjust},
    {0xc6, 0xc6, 0, true, 0x01, Immediate::byte}, {0xc7, 0xc7, 0, true, 0x01, Immediate::operand},
    {0xc8, 0xc8, 0, false, all, Immediate::word_byte, 0, Kind::stack}, {0xc9, 0xc9, 0, false, all, Immediate::none, 0, Kind::stack},
    {0xd7, 0xd7, 0, false}, {0xe0, 0xe3, 0, false, all, Immediate::branch8}, {0xe4, 0xe7, 0, false, all, Immediate::byte},
    {0xe8, 0xe8, 0, false, all, Immediate::branch32, 0, Kind::stack}, {0xe9, 0xe9, 0, false, all, Immediate::branch32},
    {0xeb, 0xeb, 0, false, all, Immediate::branch8}, {0xec, 0xef, 0, false}, {0xf4, 0xf5, 0, false},
    {0xf6, 0xf6, 0, true, 0x01, Immediate::byte, adjust}, {0xf7, 0xf7, 0, true, 0x01, Immediate::operand, adjust},
    {0xf6, 0xf7, 0, true, 0x0c}, {0xf6, 0xf7, 0, true, 0x30, Immediate::none, product},
    {0xf6, 0xf7, 0, true, 0xc0, Immediate::none, flags::arithmetic}, {0xf8, 0xfd, 0, false}, {0xfe, 0xfe, 0, true, 0x03},
    {0xff, 0xff, 0, true, 0x03}, {0xff, 0xff, 0, true, 0x40, Immediate::none, 0, Kind::stack},
    {0x06, 0x06, 1, false}, {0x08, 0x09, 1, false}, {0x0b, 0x0b, 1, false}, {0x1f, 0x1f, 1, true}, {0x30, 0x30, 1, false},
    {0x32, 0x32, 1, false}, {0x40, 0x4f, 1, true}, {0x80, 0x8f, 1, false, all, Immediate::branch32}, {0x90, 0x9f, 1, true},
    {0xa3, 0xa3, 1, true, all, Immediate::none, scan, Kind::bit_offset}, {0xab, 0xab, 1, true, all, Immediate::none, scan, Kind::bit_offset},
    {0xb3, 0xb3, 1, true, all, Immediate::none, scan, Kind::bit_offset}, {0xbb, 0xbb, 1, true, all, Immediate::none, scan, Kind::bit_offset},
    {0xba, 0xba, 1, true, 0xf0, Immediate::byte, scan},
    {0xa4, 0xa4, 1, true, all, Immediate::byte, adjust}, {0xa5, 0xa5, 1, true, all, Immediate::none, adjust},
    {0xac, 0xac, 1, true, all, Immediate::byte, adjust}, {0xad, 0xad, 1, true, all, Immediate::none, adjust},
    {0xaf, 0xaf, 1, true, all, Immediate::none, product}, {0xb0, 0xb1, 1, true}, {0xb6, 0xb7, 1, true}, {0xbe, 0xbf, 1, true},
    {0xb8, 0xb8, 1, true, all, Immediate::none, 0, Kind::plain, 0xf3},
    {0xbc, 0xbd, 1, true, all, Immediate::none, scan | carry}, {0xbc, 0xbd, 1, true, all, Immediate::none, scan, Kind::plain, 0xf3},
    {0xc0, 0xc1, 1, true}, {0xc3, 0xc3, 1, true, all, Immediate::none, 0, Kind::memory_only},
    {0xc7, 0xc7, 1, true, 0x02, Immediate::none, 0, Kind::wide_exchange}, {0xc8, 0xcf, 1, false},
    {0xf0, 0xf1, 2, true, all, Immediate::none, 0, Kind::memory_only},
};
// clang-format on

} // namespace

u64 Generator::number() {
    static constexpr u64 edges[] = {0,
                                    1,
                                    2,
                                    7,
                                    8,
                                    15,
                                    16,
                                    31,
                                    32,
                                    63,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0x7fff,
                                    0x8000,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    ~u64{0},
                                    ~u64{0} >> 1,
                                    u64{1} << 63,
                                    ~u64{0} - 1,
                                    0x100000000};
    switch (below(4)) {
    case 0: return edges[below(std::size(edges))];
    case 1: return random_() >> below(64);
    default: return random_();
    }
}

u64 Generator::pointer() {
    if (chance(50)) return arena::at + below(arena::guard + arena::page - arena::at - 16);
    // At a border of pages.
    return arena::at + arena::page * (1 + below(4)) - 16 + below(24);
}

// Puts one instruction together.
class Builder {
public:
    Builder(Generator& g, Form const& form) : g_(g), form_(form) {}

    RandomCase build() {
        auto& registers = case_.core.registers.value;
        for (u64& value : registers) value = g_.chance(30) ? g_.pointer() : g_.number();
        case_.core.rip = arena::code;
        case_.core.rflags = flags::fixed | flags::interrupt | (g_.random_() & flags::arithmetic) |
                            (g_.chance(20) ? flags::direction : 0);
        case_.undefined_flags = form_.undefined;
        opcode_ = static_cast<u8>(form_.first + g_.below(form_.last - form_.first + 1u));
        branches_ = form_.immediate == Immediate::branch8 || form_.immediate == Immediate::branch32;
        choose_registers();
        prefixes();
        for (unsigned i = 0; i < (form_.map == 0 ? 0u : 1u); ++i) emit(0x0f);
        if (form_.map == 2) emit(0x38);
        emit(opcode_);
        if (form_.modrm) operands();
        immediate();
        if (relative_at_ != 0) { // a displacement from the end of the instruction
            u32 const displacement = static_cast<u32>(target_ - (arena::code + case_.code.size()));
            std::memcpy(&case_.code[relative_at_], &displacement, 4);
        }
        case_.branches = branches_;
        shift_flags();
        return case_;
    }

private:
    void emit(u8 byte) { case_.code.push_back(byte); }
    void emit(u64 value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) emit(static_cast<u8>(value >> 8 * i));
    }
    u64& reg(unsigned number) { return case_.core.registers.value[number]; }

    void choose_registers() {
        bool const string = form_.kind == Kind::string;
        if (string || g_.chance(20)) {
            if (g_.chance(95)) reg(6) = g_.pointer();
            if (g_.chance(95)) reg(7) = g_.pointer();
            reg(1) = g_.chance(90) ? g_.below(12) : g_.below(20000);
        }
        if (g_.chance(95)) reg(4) = arena::writable + g_.below(2 * arena::page) / 8 * 8;
        if (form_.kind == Kind::stack && g_.chance(30)) reg(4) = g_.pointer();
        if (opcode_ == 0xc9 && form_.map == 0 && g_.chance(95)) reg(5) = g_.pointer(); // LEAVE
        if (opcode_ == 0xd7 && form_.map == 0 && g_.chance(95)) reg(3) = g_.pointer(); // XLAT
        if (form_.kind == Kind::pop_flags) {
            // Not TF, which would trap behind the instruction, nor AC, which the test's own code
            // does not expect.
            reg(4) = arena::writable + g_.below(2 * arena::page - 8) / 8 * 8;
            case_.memory.push_back(
                {reg(4), g_.random_() & ~(flags::trap | flags::alignment_check)});
        }
    }

    void prefixes() {
        if (g_.chance(5)) emit(std::array<u8, 4>{0x26, 0x2e, 0x36, 0x3e}[g_.below(4)]);
        // Which size MOVSXD reads with that prefix depends on the vendor.
        bool const sign_extension = form_.map == 0 && opcode_ == 0x63;
        if (!branches_ && !sign_extension && g_.chance(25)) {
            emit(0x66);
            operand_size_ = 2;
        }
        bool const stack_like = form_.kind == Kind::stack || form_.kind == Kind::pop_flags;
        if (!stack_like && g_.chance(10)) {
            emit(0x67);
            narrow_address_ = true;
        }
        if (!branches_ && g_.chance(8)) {
            // Only operands that are made to fit its base may use FS: this process has data there.
            bool const fits = form_.kind == Kind::plain && !narrow_address_ &&
                              (form_.modrm || form_.immediate == Immediate::address);
            bool const fs = fits && g_.chance(50);
            emit(fs ? 0x64 : 0x65);
            segment_base_ = fs ? g_.fs_base_ : 0;
        }
        if (form_.modrm && form_.kind != Kind::stack && g_.chance(4)) emit(0xf0);
        if (form_.repeat != 0) emit(form_.repeat);
        if (form_.kind == Kind::string && g_.chance(60)) emit(g_.chance(50) ? 0xf2 : 0xf3);
        if (g_.chance(50)) {
            rex_ = static_cast<u8>(0x40 | g_.below(16));
            if (branches_ || form_.immediate == Immediate::word_byte) rex_ &= 0xf7;
            emit(rex_);
            if ((rex_ & 8) != 0) operand_size_ = 8;
        }
    }

    void operands() {
        u8 group = static_cast<u8>(g_.below(8));
        while ((form_.groups >> group & 1) == 0) group = (group + 1) & 7;
        group_ = group;
        bool const memory =
            form_.kind == Kind::memory_only || form_.kind == Kind::wide_exchange || g_.chance(60);
        if (!memory) {
            emit(static_cast<u8>(0xc0 | group << 3 | g_.below(8)));
            return;
        }
        if (form_.kind == Kind::bit_offset && g_.chance(70)) {
            u64& offset = reg(group | (rex_ & 4u) << 1);
            offset = static_cast<u64>(static_cast<i64>(g_.below(4096)) - 2048);
        }
        target_ = g_.pointer();
        if (form_.kind == Kind::wide_exchange && g_.chance(70)) target_ &= ~u64{15};
        bool const wild = g_.chance(5) && !narrow_address_ && segment_base_ == 0;
        u8 const rm = static_cast<u8>(g_.below(8));
        // FS' base is out of reach for an address relative to rip.
        bool const far_base = segment_base_ != 0 && rm == 5;
        u8 const mod = static_cast<u8>(far_base ? 2 : g_.below(3));
        emit(static_cast<u8>(mod << 6 | group << 3 | rm));
        u64 rest = target_ - segment_base_; // what the registers still have to give
        unsigned base = rm | (rex_ & 1u) << 3;
        bool has_base = true, twice = false; // one register as base and index: somewhere else
        unsigned displacement_bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
        if (rm == 4) {
            u8 const sib = static_cast<u8>(g_.random_());
            emit(sib);
            base = (sib & 7u) | (rex_ & 1u) << 3;
            unsigned const index = (sib >> 3 & 7u) | (rex_ & 2u) << 2;
            if ((sib & 7) == 5 && mod == 0) {
                has_base = false;
                displacement_bytes = 4;
            }
            if (index != 4) {
                if (g_.chance(80)) reg(index) = g_.below(64);
                if (index == base && has_base) {
                    reg(index) = 0;
                    twice = true;
                }
                rest -= reg(index) << (sib >> 6);
            }
        } else if (rm == 5 && mod == 0) {
            relative_at_ = case_.code.size();
            emit(0, 4);
            return;
        }
        u64 displacement = g_.number();
        if (displacement_bytes == 1) displacement = sign_extended(displacement, 1);
        if (displacement_bytes == 4) displacement = sign_extended(displacement, 4);
        if (displacement_bytes == 0) displacement = 0;
        if (!has_base) displacement = rest;
        emit(displacement, displacement_bytes);
        rest -= displacement;
        if (has_base && !wild) {
            if (narrow_address_) rest = (g_.random_() << 32) | (rest & 0xffffffff);
            reg(base) = twice && segment_base_ != 0 ? u64{1} << 60 : rest;
        }
    }

    void immediate() {
        switch (form_.immediate) {
        case Immediate::none: break;
        case Immediate::byte: emit(immediate_ = g_.number() & 0xff, 1); break;
        case Immediate::word: emit(g_.number(), 2); break;
        case Immediate::operand: emit(g_.number(), operand_size_ == 2 ? 2 : 4); break;
        case Immediate::full: emit(g_.number(), operand_size_); break;
        case Immediate::address: emit(g_.pointer() - segment_base_, narrow_address_ ? 4 : 8); break;
        case Immediate::branch8: emit(branch_distance, 1); break;
        case Immediate::branch32: emit(branch_distance, 4); break;
        case Immediate::word_byte:
            emit(g_.below(256), 2);
            emit(g_.below(6), 1);
            break;
        }
    }

    // Shifts define OF for one step only, and CF while there are bits to shift; nothing changes
    // without a step.
    void shift_flags() {
        bool const by_cl = form_.map == 0 ? opcode_ == 0xd2 || opcode_ == 0xd3
                                          : opcode_ == 0xa5 || opcode_ == 0xad;
        bool const by_one = form_.map == 0 && (opcode_ == 0xd0 || opcode_ == 0xd1);
        bool const by_immediate = form_.map == 0 ? opcode_ == 0xc0 || opcode_ == 0xc1
                                                 : opcode_ == 0xa4 || opcode_ == 0xac;
        if (form_.map > 1 || !form_.modrm || !(by_cl || by_one || by_immediate)) return;
        bool const bytes = form_.map == 0 && (opcode_ & 1) == 0;
        unsigned const bits = bytes ? 8 : 8u * operand_size_;
        u64 const count = (by_one ? 1 : by_cl ? reg(1) : immediate_) & (bits == 64 ? 0x3f : 0x1f);
        bool const rotates = form_.map == 0 && group_ < 4;
        case_.undefined_flags = count == 0 || rotates ? 0 : adjust;
        if (count > 1) case_.undefined_flags |= overflow;
        if (!rotates && count > bits) case_.undefined_flags |= carry;
        if (form_.map == 1 && count > bits) case_.undefined_flags = flags::arithmetic;
    }

    Generator& g_;
    Form const& form_;
    RandomCase case_;
    u8 opcode_{}, rex_{}, group_{};
    unsigned operand_size_{4};
    bool narrow_address_{}, branches_{};
    u64 segment_base_{}, target_{}, immediate_{};
    std::size_t relative_at_{};
};

RandomCase Generator::next() { return Builder(*this, forms[below(std::size(forms))]).build(); }

} // namespace x86

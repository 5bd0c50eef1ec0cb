// SPDX-License-Identifier: Apache-2.0
// One decoded instruction: what its bytes say, in the form that the emulator works with. Decoding
// is a pure function.
#pragma once

#include <array>
#include <expected>
#include <span>

#include "x86/emulate/processor.hpp"

namespace x86 {

enum class OpcodeMap : u8 { one_byte, two_bytes, three_bytes_38, other };

inline constexpr unsigned longest_instruction = 15;

struct Instruction {
    static constexpr u8 no_register = 0xff, instruction_pointer = 0xfe;

    u8 length{}; // bytes
    OpcodeMap map{};
    u8 opcode{};
    u8 operand_size{}; // bytes: 2, 4, 8, or 1 for opcodes whose operands all are bytes
    u8 address_size{}; // bytes: 2, 4, 8
    u8 repeat{};       // 0, 0xf2 or 0xf3: the last such prefix
    bool lock{};
    bool rex{};    // any: 4 to 7 then name spl bpl sil dil, not ah ch dh bh
    bool memory{}; // the r/m operand is memory
    u8 reg{};      // ModRM.reg with REX.R
    u8 rm{};       // ModRM.rm with REX.B
    // The address of the memory operand; of `moffs` forms and string instructions only segment and
    // displacement count.
    SegmentName segment{SegmentName::ds}; // overridden, or the default
    bool segment_overridden{};
    u8 base{no_register}, index{no_register}; // general register, or instruction_pointer as base
    u8 scale{};                               // log2
    u64 displacement{};
    u64 immediate{}, second_immediate{}; // sign-extended from their sizes in the code
    u16 mnemonic{};                      // Zydis' number

    u8 group() const { return reg & 7; } // the opcode's extension
};

enum class BadCode : u8 {
    cut_off,  // more bytes are needed
    too_long, // more than 15 bytes
    invalid,  // no instruction
};

std::expected<Instruction, BadCode> decode(std::span<u8 const> bytes, Mode mode);

// Remembers what was decoded lately: kernels come back to the same few instructions all the time,
// and decoding costs several times what carrying them out does.
class DecodeCache {
public:
    std::expected<Instruction, BadCode> decode(std::span<u8 const> bytes, Mode mode);

private:
    struct Key { // the bytes, 0 behind the last one
        u64 words[2];
    };
    struct Entry {
        Key key;
        Instruction instruction; // length 0: empty
        Mode mode;
    };
    std::array<Entry, 256> entries_{};
};

// The mnemonic in lower case.
char const* name_of(Instruction const& instruction);

} // namespace x86

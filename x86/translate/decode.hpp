// SPDX-License-Identifier: Apache-2.0
// One guest instruction, taken apart as far as writing it again needs. Decoding is a pure function.
#pragma once

#include <span>
#include <vector>

#include "x86/emulate/processor.hpp"
#include "x86/translate/emitter.hpp"
#include "x86/translate/opcodes.hpp"

namespace x86::translate {

inline constexpr unsigned longest_instruction = 15;

struct Decoded {
    static constexpr u8 no_register = 0xff;

    u16 offset{};   // of its first byte in the block
    u8 length{};    // 0: not to be decoded
    bool cut_off{}; // because bytes are missing
    Form form{};
    OpcodeMap map{};
    u8 opcode{};
    u8 operand_size{}; // bytes: 2 or 4
    u8 address_size{}; // likewise
    u8 repeat{};       // 0, F2 or F3: the last of them
    bool lock{};
    bool operand_prefix{}; // 66 was there
    bool modrm{};
    bool memory{}; // the r/m operand is memory
    u8 reg{}, rm{};
    // The memory operand.
    SegmentName segment{SegmentName::ds}; // overridden, or the default
    bool segment_overridden{};
    u8 base{no_register}, index{no_register}, scale{};
    i64 displacement{};
    i64 immediate{};                          // sign-extended
    u8 immediate_size{}, displacement_size{}; // bytes
    u8 immediate_at{}, displacement_at{};     // where in the instruction
    OpcodeFacts const* facts{};
};

// `code_size`: 2 or 4. Bytes that are no instruction, or too few: length 0, Form::emulate.
Decoded decode(std::span<u8 const> bytes, u8 code_size);

// The same, faster: most instructions differ from one seen before in displacement and immediate
// only.
class DecodeCache {
public:
    DecodeCache() : entries_(std::size_t{1} << entry_bits) {}
    Decoded decode(std::span<u8 const> bytes, u8 code_size);

private:
    static constexpr unsigned entry_bits = 12;
    struct Entry {
        u64 head{}; // the bytes before displacement and immediate, with their number on top; 0:
                    // empty
        Decoded decoded;
    };
    std::vector<Entry> entries_;
};

// The memory operand of an instruction, by the decoder's knowledge of all operands (slower).
struct MemoryAccess {
    u8 size{}; // bytes; 0: unknown
    bool writes{};
};
MemoryAccess memory_access(std::span<u8 const> bytes, u8 code_size);

} // namespace x86::translate

// SPDX-License-Identifier: Apache-2.0
// The guest's instructions of one block, before any code is made.
#pragma once

#include "x86/translate/block.hpp"
#include "x86/translate/decode.hpp"

namespace x86::translate {

inline constexpr unsigned most_instructions = 40;

struct GuestBlock {
    Context const* context{};
    u32 eip{};
    u16 length{};     // bytes, all instructions
    unsigned count{}; // instructions
    Decoded instructions[most_instructions];
    unsigned pages{};    // that bytes come from
    u64 page_numbers[2]; // Code::Page::number
    u8 bytes[most_instructions * longest_instruction];

    u32 eip_of(Decoded const& d) const { return eip + d.offset; }
    u32 next_of(Decoded const& d) const { return eip + d.offset + d.length; }
    std::span<u8 const> bytes_of(Decoded const& d) const { return {bytes + d.offset, d.length}; }
    // Where a direct jump goes.
    u32 target_of(Decoded const& d) const {
        u32 const target = next_of(d) + static_cast<u32>(d.immediate);
        return d.operand_size == 2 ? target & 0xffff : target;
    }
};

// Decodes instructions that follow each other (over jumps that are not taken and over calls) up to
// one that leaves for good, the end of the page, or `most_instructions`. What cannot be translated
// in this context becomes Form::emulate and ends the block. The exception: of fetching the first.
// `alone`: no other page is asked for: a first instruction that crosses into it gives an empty
// block.
OrException<> analyse(GuestBlock& block, Code& code, DecodeCache& decoder, bool return_stack,
                      bool alone);

} // namespace x86::translate

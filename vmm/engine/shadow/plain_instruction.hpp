// SPDX-License-Identifier: Apache-2.0
// MOV to and from a control register, and INVLPG, in the forms that compilers make. A processor
// without decode assists does not say which registers an exit is about, and guests use these too
// often for the emulator.
#pragma once

#include <optional>
#include <span>

#include "base/types.hpp"

namespace vmm {

struct PlainInstruction {
    static constexpr u64 longest = 4; // bytes
    enum class Kind : u8 { to_control, from_control, invalidate_page };

    Kind kind{};
    u8 control{}; // number of the control register
    u8 general{}; // of the other one; invalidate_page: holds the offset in DS
    u8 length{};  // bytes

    // Empty: another instruction or form.
    static constexpr std::optional<PlainInstruction> decode(std::span<u8 const> code,
                                                            bool long_mode) {
        constexpr u8 escape = 0x0f, group7 = 0x01, from = 0x20, to = 0x22;
        constexpr u8 invlpg = 7, with_sib = 4, without_base = 5;
        u8 rex = 0, at = 0;
        if (code.size() < longest) return std::nullopt;
        if (long_mode && (code[0] & 0xf0) == 0x40) rex = code[at++];
        if (code[at] != escape) return std::nullopt;
        u8 const opcode = code[at + 1], operands = code[at + 2];
        u8 const middle = operands >> 3 & 7, low = operands & 7;
        PlainInstruction result{.control = static_cast<u8>(middle | (rex & 4) << 1),
                                .general = static_cast<u8>(low | (rex & 1) << 3),
                                .length = static_cast<u8>(at + 3)};
        if (opcode == to || opcode == from) { // the mode bits mean nothing here
            result.kind = opcode == to ? Kind::to_control : Kind::from_control;
            return result;
        }
        bool const through_register = operands >> 6 == 0 && low != with_sib && low != without_base;
        if (opcode != group7 || middle != invlpg || !through_register) return std::nullopt;
        result.kind = Kind::invalidate_page;
        return result;
    }
};

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
// MOV to and from a control register in its plain form. A processor without decode assists does not
// say which registers an exit is about, and address-space switches are too frequent for the
// emulator.
#pragma once

#include <optional>
#include <span>

#include "base/types.hpp"

namespace vmm {

struct MoveControl {
    static constexpr u64 longest = 4; // bytes

    bool to_control;
    u8 control, general; // numbers
    u8 length;           // bytes

    // Empty: another instruction, or not in plain form.
    static constexpr std::optional<MoveControl> decode(std::span<u8 const> code, bool long_mode) {
        constexpr u8 escape = 0x0f, from = 0x20, to = 0x22;
        u8 rex = 0, at = 0;
        if (code.size() < longest) return std::nullopt;
        if (long_mode && (code[0] & 0xf0) == 0x40) rex = code[at++];
        if (code[at] != escape || (code[at + 1] != from && code[at + 1] != to)) return std::nullopt;
        u8 const operands = code[at + 2]; // the mode bits mean nothing here
        return MoveControl{.to_control = code[at + 1] == to,
                           .control = static_cast<u8>((operands >> 3 & 7) | (rex & 4) << 1),
                           .general = static_cast<u8>((operands & 7) | (rex & 1) << 3),
                           .length = static_cast<u8>(at + 3)};
    }
};

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
// The bulk of compiled 32-bit code at a glance: length and control flow of harmless instructions
// without prefixes, by tables (Intel SDM vol. 2, appendix A). Everything else is the decoder's, and
// so is the truth: a test compares the two.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/types.hpp"

namespace vmm::trap {

struct CommonInstruction {
    u8 length{};
    bool ends_run{};     // nothing follows: jump, return
    u8 relative_bytes{}; // of the operand at its end that says how far it jumps; 0: it does not
};

namespace common {

// What stands behind the opcode.
enum class Form : u8 {
    other,
    plain,
    byte,
    word,
    full,
    memory,
    memory_byte,
    memory_full,
    near_jump,
    far_jump,
    address
};

constexpr std::array<Form, 256> one_byte_forms() {
    std::array<Form, 256> forms{};
    auto const set = [&](unsigned first, unsigned last, Form form) {
        for (unsigned opcode = first; opcode <= last; ++opcode) forms[opcode] = form;
    };
    for (unsigned row = 0x00; row < 0x40; row += 8) { // ADD OR ADC SBB AND SUB XOR CMP
        set(row, row + 3, Form::memory);
        set(row + 4, row + 4, Form::byte);
        set(row + 5, row + 5, Form::full);
    }
    forms[0x00] = Form::other; // zeros are looked at closely
    set(0x40, 0x5f, Form::plain);
    forms[0x68] = Form::full;
    forms[0x69] = Form::memory_full;
    forms[0x6a] = Form::byte;
    forms[0x6b] = Form::memory_byte;
    set(0x70, 0x7f, Form::near_jump);
    forms[0x80] = forms[0x83] = Form::memory_byte;
    forms[0x81] = Form::memory_full;
    set(0x84, 0x8b, Form::memory);
    set(0x90, 0x99, Form::plain);
    set(0xa0, 0xa3, Form::address);
    set(0xa4, 0xa7, Form::plain);
    forms[0xa8] = Form::byte;
    forms[0xa9] = Form::full;
    set(0xaa, 0xaf, Form::plain);
    set(0xb0, 0xb7, Form::byte);
    set(0xb8, 0xbf, Form::full);
    forms[0xc0] = forms[0xc1] = Form::memory_byte;
    forms[0xc2] = Form::word;
    forms[0xc3] = forms[0xcc] = Form::plain;
    set(0xd0, 0xd3, Form::memory);
    forms[0xe8] = forms[0xe9] = Form::far_jump;
    forms[0xeb] = Form::near_jump;
    return forms;
}

constexpr std::array<Form, 256> two_byte_forms() {
    std::array<Form, 256> forms{};
    auto const set = [&](unsigned first, unsigned last, Form form) {
        for (unsigned opcode = first; opcode <= last; ++opcode) forms[opcode] = form;
    };
    set(0x40, 0x4f, Form::memory);   // CMOVcc
    set(0x80, 0x8f, Form::far_jump); // Jcc
    set(0x90, 0x9f, Form::memory);   // SETcc
    forms[0xa3] = forms[0xab] = forms[0xb3] = forms[0xbb] = forms[0xaf] = Form::memory;
    forms[0xa4] = forms[0xac] = Form::memory_byte;
    forms[0xa5] = forms[0xad] = Form::memory;
    forms[0xb6] = forms[0xb7] = forms[0xbe] = forms[0xbf] = Form::memory;
    set(0xc8, 0xcf, Form::plain); // BSWAP
    return forms;
}

inline constexpr auto one_byte = one_byte_forms();
inline constexpr auto two_byte = two_byte_forms();

// Bytes of ModRM, SIB and displacement.
constexpr u8 memory_length(u8 modrm, u8 sib) {
    unsigned const mod = modrm >> 6, rm = modrm & 7;
    if (mod == 3) return 1;
    bool const has_sib = rm == 4;
    bool const absolute = mod == 0 && (rm == 5 || (has_sib && (sib & 7) == 5));
    return static_cast<u8>(1 + has_sib + (mod == 1 ? 1 : mod == 2 || absolute ? 4 : 0));
}

} // namespace common

// Empty: not one of them, or fewer bytes than the longest of them.
constexpr std::optional<CommonInstruction> common_instruction(std::span<u8 const> bytes) {
    using common::Form;
    constexpr std::size_t longest = 12;
    if (bytes.size() < longest) return std::nullopt;
    bool const two = bytes[0] == 0x0f;
    u8 const opcode = bytes[two];
    u8 const* const rest = &bytes[u64{1} + two];
    u8 const start = static_cast<u8>(1 + two);
    auto const of = [&](unsigned behind) {
        return CommonInstruction{
            .length = static_cast<u8>(start + behind), .ends_run = false, .relative_bytes = 0};
    };
    unsigned const memory = common::memory_length(rest[0], rest[1]);
    switch ((two ? common::two_byte : common::one_byte)[opcode]) {
    case Form::other: return std::nullopt;
    case Form::plain: {
        auto result = of(0);
        result.ends_run = !two && opcode == 0xc3;
        return result;
    }
    case Form::byte: return of(1);
    case Form::word: {
        auto result = of(2);
        result.ends_run = true; // RET n
        return result;
    }
    case Form::full:
    case Form::address: return of(4);
    case Form::memory: return of(memory);
    case Form::memory_byte: return of(memory + 1);
    case Form::memory_full: return of(memory + 4);
    case Form::near_jump: {
        auto result = of(1);
        result.ends_run = opcode == 0xeb;
        result.relative_bytes = 1;
        return result;
    }
    case Form::far_jump: {
        auto result = of(4);
        result.ends_run = !two && opcode == 0xe9;
        result.relative_bytes = 4;
        return result;
    }
    }
    return std::nullopt;
}

} // namespace vmm::trap

// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstring>

#include "x86/translate/decode.hpp"

namespace x86::translate {
namespace {

// What follows an opcode.
enum class After : u8 { unknown, nothing, modrm };
using AfterTable = std::array<After, 256>;

// As the decoder itself says it, with a register or memory as operand.
AfterTable ask(bool two_bytes) {
    AfterTable result{};
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        for (u8 const modrm : {u8{0xc0}, u8{0x00}}) {
            u8 bytes[longest_instruction + 1]{};
            unsigned at = 0;
            if (two_bytes) bytes[at++] = 0x0f;
            bytes[at++] = static_cast<u8>(opcode);
            bytes[at] = modrm;
            auto const decoded = decode(bytes, 4);
            bool const simple =
                decoded.length != 0 && decoded.opcode == opcode &&
                decoded.map == (two_bytes ? OpcodeMap::secondary : OpcodeMap::primary);
            if (!simple) continue;
            result[opcode] = decoded.modrm ? After::modrm : After::nothing;
            break;
        }
    }
    // Prefixes of other encodings, by what follows.
    if (!two_bytes)
        for (u8 const opcode : {u8{0x62}, u8{0x8f}, u8{0xc4}, u8{0xc5}})
            result[opcode] = After::unknown;
    return result;
}

bool is_simple_prefix(u8 byte) {
    return byte == 0x66 || byte == 0xf2 || byte == 0xf3 || byte == 0x64 || byte == 0x65 ||
           byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x26;
}

// Bytes before displacement and immediate, where that is easily told; else 0. At least
// `longest_head` are there.
constexpr unsigned longest_head = 5;
unsigned head_length(u8 const* bytes) {
    static AfterTable const one = ask(false), two = ask(true);
    unsigned at = is_simple_prefix(bytes[0]) ? 1 : 0;
    bool const two_bytes = bytes[at] == 0x0f;
    if (two_bytes) ++at;
    switch ((two_bytes ? two : one)[bytes[at++]]) {
    case After::unknown: return 0;
    case After::nothing: return at;
    case After::modrm: break;
    }
    u8 const modrm = bytes[at++];
    bool const sib = modrm < 0xc0 && (modrm & 7) == 4;
    return sib ? at + 1 : at;
}

i64 read(u8 const* from, unsigned size) {
    u64 value;
    std::memcpy(&value, from, sizeof value);
    return static_cast<i64>(value << (64 - 8 * size)) >> (64 - 8 * size);
}

} // namespace

Decoded DecodeCache::decode(std::span<u8 const> bytes, u8 code_size) {
    // A displacement or immediate is read as 8 bytes, so there have to be more than the
    // instruction's.
    unsigned const head =
        code_size == 4 && bytes.size() >= 2 * longest_instruction ? head_length(bytes.data()) : 0;
    if (head == 0) return translate::decode(bytes, code_size);
    u64 key;
    std::memcpy(&key, bytes.data(), sizeof key);
    key = (key & ((u64{1} << 8 * head) - 1)) | u64{head} << 56;
    constexpr u64 golden_ratio = 0x9e3779b97f4a7c15;
    auto& entry = entries_[key * golden_ratio >> (64 - entry_bits)];
    if (entry.head != key) {
        auto const decoded = translate::decode(bytes, code_size);
        if (decoded.length != 0) entry = {key, decoded};
        return decoded;
    }
    Decoded result = entry.decoded;
    if (result.displacement_size != 0)
        result.displacement = read(bytes.data() + result.displacement_at, result.displacement_size);
    if (result.immediate_size != 0)
        result.immediate = read(bytes.data() + result.immediate_at, result.immediate_size);
    return result;
}

} // namespace x86::translate

// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/instruction.hpp"

#include <Zydis/Zydis.h>
#include <algorithm>
#include <cstring>

#include "x86/emulate/arithmetic.hpp"

namespace x86 {
namespace {

ZydisDecoder decoder_for(ZydisMachineMode mode, ZydisStackWidth width) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, mode, width);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_MINIMAL,
                           ZYAN_TRUE); // operands are read off the bytes here
    return decoder;
}

ZydisDecoder const& decoder_of(Mode mode) {
    static ZydisDecoder const decoders[] = {
        decoder_for(ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16),
        decoder_for(ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32),
        decoder_for(ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)};
    return decoders[static_cast<unsigned>(mode)];
}

OpcodeMap map_of(ZydisDecodedInstruction const& decoded) {
    if (decoded.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) return OpcodeMap::other;
    switch (decoded.opcode_map) {
    case ZYDIS_OPCODE_MAP_DEFAULT: return OpcodeMap::one_byte;
    case ZYDIS_OPCODE_MAP_0F: return OpcodeMap::two_bytes;
    case ZYDIS_OPCODE_MAP_0F38: return OpcodeMap::three_bytes_38;
    default: return OpcodeMap::other;
    }
}

void read_prefixes(ZydisDecodedInstruction const& decoded, bool long64, Instruction& result) {
    for (unsigned i = 0; i < decoded.raw.prefix_count; ++i) {
        u8 const prefix = decoded.raw.prefixes[i].value;
        auto const override_segment = [&](SegmentName name) {
            result.segment = name;
            result.segment_overridden = true;
        };
        switch (prefix) {
        case 0xf0: result.lock = true; break;
        case 0xf2:
        case 0xf3: result.repeat = prefix; break;
        case 0x64: override_segment(SegmentName::fs); break;
        case 0x65: override_segment(SegmentName::gs); break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e: // es cs ss ds, without effect in 64-bit mode
            if (!long64) override_segment(SegmentName{static_cast<u8>(prefix >> 3 & 3)});
            break;
        default: break;
        }
    }
}

void read_address_16(ZydisDecodedInstruction const& decoded, Instruction& result) {
    enum : u8 { bx = 3, bp = 5, si = 6, di = 7, none = Instruction::no_register };
    static constexpr u8 bases[] = {bx, bx, bp, bp, si, di, bp, bx};
    static constexpr u8 indices[] = {si, di, si, di, none, none, none, none};
    auto const& modrm = decoded.raw.modrm;
    if (modrm.mod == 0 && modrm.rm == 6) return; // displacement alone
    result.base = bases[modrm.rm];
    result.index = indices[modrm.rm];
    if (result.base == bp && !result.segment_overridden) result.segment = SegmentName::ss;
}

void read_address(ZydisDecodedInstruction const& decoded, bool long64, Instruction& result) {
    if (result.address_size == 2) return read_address_16(decoded, result);
    auto const& modrm = decoded.raw.modrm;
    u8 const high_base = static_cast<u8>(decoded.raw.rex.B << 3);
    if (modrm.rm == 4) {
        auto const& sib = decoded.raw.sib;
        u8 const index = static_cast<u8>(sib.index | decoded.raw.rex.X << 3);
        if (index != 4) result.index = index;
        result.scale = sib.scale;
        if (sib.base != 5 || modrm.mod != 0) result.base = static_cast<u8>(sib.base | high_base);
    } else if (modrm.rm == 5 && modrm.mod == 0) {
        if (long64) result.base = Instruction::instruction_pointer;
    } else {
        result.base = static_cast<u8>(modrm.rm | high_base);
    }
    if ((result.base == 4 || result.base == 5) && !result.segment_overridden)
        result.segment = SegmentName::ss;
}

u64 immediate(ZydisDecodedInstruction const& decoded, unsigned number) {
    auto const& raw = decoded.raw.imm[number];
    return raw.size == 0 ? 0 : sign_extended(raw.value.u, raw.size / 8);
}

} // namespace

std::expected<Instruction, BadCode> decode(std::span<u8 const> bytes, Mode mode) {
    ZydisDecodedInstruction decoded;
    ZydisDecoderContext context;
    bool const all = bytes.size() >= longest_instruction;
    auto const status =
        ZydisDecoderDecodeInstruction(&decoder_of(mode), &context, bytes.data(),
                                      all ? longest_instruction : bytes.size(), &decoded);
    if (status == ZYDIS_STATUS_NO_MORE_DATA)
        return fail(all ? BadCode::too_long : BadCode::cut_off);
    if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) return fail(BadCode::too_long);
    if (!ZYAN_SUCCESS(status)) return fail(BadCode::invalid);
    bool const long64 = mode == Mode::long64;
    Instruction result{.length = decoded.length,
                       .map = map_of(decoded),
                       .opcode = decoded.opcode,
                       .operand_size = static_cast<u8>(decoded.operand_width / 8),
                       .address_size = static_cast<u8>(decoded.address_width / 8),
                       .rex = (decoded.attributes & ZYDIS_ATTRIB_HAS_REX) != 0,
                       .reg = static_cast<u8>(decoded.raw.modrm.reg | decoded.raw.rex.R << 3),
                       .rm = static_cast<u8>(decoded.raw.modrm.rm | decoded.raw.rex.B << 3),
                       .displacement = static_cast<u64>(decoded.raw.disp.value),
                       .immediate = immediate(decoded, 0),
                       .second_immediate = immediate(decoded, 1),
                       .mnemonic = static_cast<u16>(decoded.mnemonic)};
    read_prefixes(decoded, long64, result);
    result.memory = decoded.raw.modrm.offset != 0 && decoded.raw.modrm.mod != 3;
    if (result.memory) read_address(decoded, long64, result);
    return result;
}

std::expected<Instruction, BadCode> DecodeCache::decode(std::span<u8 const> bytes, Mode mode) {
    Key key{};
    std::memcpy(&key, bytes.data(), std::min<std::size_t>(bytes.size(), longest_instruction));
    constexpr u64 golden_ratio = 0x9e3779b97f4a7c15;
    Entry& entry = entries_[static_cast<u32>(key.words[0]) * golden_ratio >> 56];
    auto const length = entry.instruction.length;
    auto const same = [&](unsigned word) {
        int const counting = 8 * (length - 8 * static_cast<int>(word)); // bits of the word
        if (counting <= 0) return true;
        u64 const mask = mask_of(static_cast<unsigned>(counting) / 8);
        return ((key.words[word] ^ entry.key.words[word]) & mask) == 0;
    };
    bool const hit =
        length != 0 && length <= bytes.size() && entry.mode == mode && same(0) && same(1);
    if (hit) return entry.instruction;
    auto const decoded = x86::decode(bytes, mode);
    if (decoded) entry = {key, *decoded, mode};
    return decoded;
}

char const* name_of(Instruction const& instruction) {
    char const* const name =
        ZydisMnemonicGetString(static_cast<ZydisMnemonic>(instruction.mnemonic));
    return name != nullptr ? name : "unknown instruction";
}

} // namespace x86

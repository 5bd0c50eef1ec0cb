// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/decode.hpp"

#include <Zydis/Zydis.h>
#include <algorithm>

namespace x86::translate {
namespace {

ZydisDecoder decoder_for(ZydisMachineMode mode, ZydisStackWidth width, bool minimal) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, mode, width);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_MINIMAL, minimal ? ZYAN_TRUE : ZYAN_FALSE);
    return decoder;
}

ZydisDecoder const& decoder_of(u8 code_size, bool minimal) {
    static ZydisDecoder const decoders[] = {
        decoder_for(ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16, false),
        decoder_for(ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16, true),
        decoder_for(ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32, false),
        decoder_for(ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32, true)};
    return decoders[(code_size == 4 ? 2u : 0u) + (minimal ? 1u : 0u)];
}

bool read_map(ZydisDecodedInstruction const& from, Decoded& to) {
    if (from.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) return false;
    switch (from.opcode_map) {
    case ZYDIS_OPCODE_MAP_DEFAULT: to.map = OpcodeMap::primary; return true;
    case ZYDIS_OPCODE_MAP_0F: to.map = OpcodeMap::secondary; return true;
    case ZYDIS_OPCODE_MAP_0F38: to.map = OpcodeMap::map38; return true;
    case ZYDIS_OPCODE_MAP_0F3A: to.map = OpcodeMap::map3a; return true;
    default: return false;
    }
}

void read_prefixes(ZydisDecodedInstruction const& from, Decoded& to) {
    for (unsigned i = 0; i < from.raw.prefix_count; ++i) {
        u8 const prefix = from.raw.prefixes[i].value;
        auto const override_segment = [&](SegmentName name) {
            to.segment = name;
            to.segment_overridden = true;
        };
        switch (prefix) {
        case 0x66: to.operand_prefix = true; break;
        case 0xf0: to.lock = true; break;
        case 0xf2:
        case 0xf3: to.repeat = prefix; break;
        case 0x64: override_segment(SegmentName::fs); break;
        case 0x65: override_segment(SegmentName::gs); break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            override_segment(SegmentName{static_cast<u8>(prefix >> 3 & 3)});
            break; // es cs ss ds
        default: break;
        }
    }
}

void read_address16(unsigned mod, unsigned rm, Decoded& to) {
    enum : u8 { bx = 3, bp = 5, si = 6, di = 7, none = Decoded::no_register };
    static constexpr u8 bases[] = {bx, bx, bp, bp, si, di, bp, bx};
    static constexpr u8 indices[] = {si, di, si, di, none, none, none, none};
    if (mod == 0 && rm == 6) return; // displacement alone
    to.base = bases[rm];
    to.index = indices[rm];
    if (to.base == bp && !to.segment_overridden) to.segment = SegmentName::ss;
}

void read_address(ZydisDecodedInstruction const& from, Decoded& to) {
    auto const& modrm = from.raw.modrm;
    if (to.address_size == 2) return read_address16(modrm.mod, modrm.rm, to);
    if (modrm.rm == 4) {
        auto const& sib = from.raw.sib;
        if (sib.index != 4) {
            to.index = sib.index;
            to.scale = sib.scale;
        }
        if (sib.base != 5 || modrm.mod != 0) to.base = sib.base;
    } else if (modrm.rm != 5 || modrm.mod != 0) {
        to.base = modrm.rm;
    }
    if ((to.base == 4 || to.base == 5) && !to.segment_overridden) to.segment = SegmentName::ss;
}

} // namespace

Decoded decode(std::span<u8 const> bytes, u8 code_size) {
    ZydisDecodedInstruction from;
    Decoded to{.facts = &facts_of_undecodable()};
    auto const length = std::min<std::size_t>(bytes.size(), longest_instruction);
    auto const status = ZydisDecoderDecodeInstruction(&decoder_of(code_size, true), nullptr,
                                                      bytes.data(), length, &from);
    to.cut_off = status == ZYDIS_STATUS_NO_MORE_DATA;
    if (!ZYAN_SUCCESS(status)) return to;
    to.length = from.length;
    if (!read_map(from, to)) return to;
    to.opcode = from.opcode;
    to.address_size = static_cast<u8>(from.address_width / 8);
    read_prefixes(from, to);
    to.operand_size = to.operand_prefix == (code_size == 4) ? 2 : 4;
    auto const& raw = from.raw;
    to.modrm = raw.modrm.offset != 0;
    to.reg = raw.modrm.reg;
    to.rm = raw.modrm.rm;
    to.memory = to.modrm && raw.modrm.mod != 3;
    to.displacement = raw.disp.value;
    if (to.memory) read_address(from, to);
    to.immediate_size = raw.imm[0].size / 8;
    // Sign-extended whatever the decoder calls it: what counts is how many bytes of it are written
    // again.
    unsigned const unused = 64 - raw.imm[0].size;
    if (to.immediate_size != 0)
        to.immediate = static_cast<i64>(raw.imm[0].value.u << unused) >> unused;
    to.immediate_at = raw.imm[0].offset;
    to.displacement_size = raw.disp.size / 8;
    to.displacement_at = raw.disp.offset;
    to.facts = &facts_of(to);
    to.form = to.facts->form;
    return to;
}

MemoryAccess memory_access(std::span<u8 const> bytes, u8 code_size) {
    ZydisDecodedInstruction decoded;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    auto const length = std::min<std::size_t>(bytes.size(), longest_instruction);
    MemoryAccess result{.writes = true};
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_of(code_size, false), bytes.data(), length,
                                             &decoded, operands)))
        return result;
    for (unsigned i = 0; i < decoded.operand_count; ++i) {
        auto const& operand = operands[i];
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY ||
            operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
            continue;
        bool const sized = operand.size != 0 && operand.size <= 8 * 128;
        result.size = sized ? static_cast<u8>(operand.size / 8) : 0;
        result.writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    }
    return result;
}

} // namespace x86::translate

// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/memory_instruction.hpp"

#include <Zydis/Zydis.h>
#include <bit>
#include <optional>

namespace x86 {
namespace {

using Operation = MemoryInstruction::Operation;

constexpr u64 carry = 1 << 0;
constexpr u64 parity = 1 << 2;
constexpr u64 adjust = 1 << 4;
constexpr u64 zero = 1 << 6;
constexpr u64 sign = 1 << 7;
constexpr u64 overflow = 1 << 11;

constexpr unsigned longest_instruction = 15;

std::expected<ZydisDecodedInstruction, DecodeError> decode(std::span<u8 const> bytes, Mode mode,
                                                           ZydisDecodedOperand* operands) {
    ZydisDecoder decoder;
    if (mode == Mode::long64)
        ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    else
        ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecodedInstruction instruction;
    auto const status = ZydisDecoderDecodeFull(
        &decoder, bytes.data(),
        bytes.size() < longest_instruction ? bytes.size() : longest_instruction, &instruction,
        operands);
    if (!ZYAN_SUCCESS(status)) return fail(DecodeError::bad_bytes);
    return instruction;
}

std::optional<Operation> operation_of(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOV: return Operation::move;
    case ZYDIS_MNEMONIC_MOVZX: return Operation::move_zero_extended;
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD: return Operation::move_sign_extended;
    case ZYDIS_MNEMONIC_AND: return Operation::and_;
    case ZYDIS_MNEMONIC_OR: return Operation::or_;
    case ZYDIS_MNEMONIC_XOR: return Operation::xor_;
    case ZYDIS_MNEMONIC_TEST: return Operation::test;
    case ZYDIS_MNEMONIC_CMP: return Operation::compare;
    default: return std::nullopt;
    }
}

bool is_general(ZydisRegister name) {
    switch (ZydisRegisterGetClass(name)) {
    case ZYDIS_REGCLASS_GPR8:
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64: return true;
    default: return false;
    }
}

constexpr u64 mask(unsigned bytes) { return bytes >= 8 ? ~u64{0} : (u64{1} << 8 * bytes) - 1; }

u64 sign_extended(u64 value, unsigned bytes) {
    unsigned const shift = 64 - 8 * bytes;
    return static_cast<u64>(static_cast<i64>(value << shift) >> shift);
}

u64 read_register(MemoryInstruction const& instruction, GeneralRegisters const& registers) {
    u64 const value = registers.value[instruction.register_number];
    return (instruction.high_byte ? value >> 8 : value) & mask(instruction.register_width);
}

void write_register(MemoryInstruction const& instruction, GeneralRegisters& registers, u64 value) {
    u64& destination = registers.value[instruction.register_number];
    u64 const bits = mask(instruction.register_width);
    if (instruction.high_byte)
        destination = (destination & ~u64{0xff00}) | (value & 0xff) << 8;
    else if (instruction.register_width >= 4)
        destination = value & bits; // 32-bit writes clear the upper half
    else
        destination = (destination & ~bits) | (value & bits);
}

void set_flags(u64& rflags, u64 result, unsigned bytes, u64 carry_and_overflow) {
    rflags &= ~(carry | parity | adjust | zero | sign | overflow);
    rflags |= carry_and_overflow;
    if ((result & mask(bytes)) == 0) rflags |= zero;
    if (result >> (8 * bytes - 1) & 1) rflags |= sign;
    if (std::popcount(result & 0xff) % 2 == 0) rflags |= parity;
}

u64 compare_flags(u64 first, u64 second, unsigned bytes) {
    u64 const result = (first - second) & mask(bytes);
    u64 flags = first < second ? carry : 0;
    if (((first ^ second) & (first ^ result)) >> (8 * bytes - 1) & 1) flags |= overflow;
    if (((first ^ second ^ result) & 0x10) != 0) flags |= adjust;
    return flags;
}

} // namespace

std::expected<MemoryInstruction, DecodeError> decode_memory_instruction(std::span<u8 const> bytes,
                                                                        Mode mode) {
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    auto const decoded = TRY(decode(bytes, mode, operands));
    auto const operation = operation_of(decoded.mnemonic);
    if (!operation || decoded.operand_count_visible != 2) return fail(DecodeError::unsupported);

    bool const memory_is_first = operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
    auto const& memory = operands[memory_is_first ? 0 : 1];
    auto const& other = operands[memory_is_first ? 1 : 0];
    if (memory.type != ZYDIS_OPERAND_TYPE_MEMORY) return fail(DecodeError::unsupported);
    MemoryInstruction result{.operation = *operation,
                             .length = decoded.length,
                             .width = static_cast<u8>(memory.size / 8),
                             .register_width = static_cast<u8>(other.size / 8),
                             .memory_is_first = memory_is_first,
                             .has_immediate = false,
                             .high_byte = false,
                             .register_number = 0,
                             .immediate = 0};
    if (result.width > 8 || !std::has_single_bit(result.width))
        return fail(DecodeError::unsupported);
    if (other.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        result.has_immediate = true;
        result.immediate =
            other.imm.value.u; // sign-extended by the decoder where the instruction does
        return result;
    }
    if (other.type != ZYDIS_OPERAND_TYPE_REGISTER || !is_general(other.reg.value))
        return fail(DecodeError::unsupported);
    result.high_byte = other.reg.value >= ZYDIS_REGISTER_AH && other.reg.value <= ZYDIS_REGISTER_BH;
    auto const id = static_cast<u8>(ZydisRegisterGetId(other.reg.value));
    // Of the 8-bit registers, Zydis counts al cl dl bl ah ch dh bh spl bpl sil dil r8b ...
    bool const skips_high_bytes =
        ZydisRegisterGetClass(other.reg.value) == ZYDIS_REGCLASS_GPR8 && id >= 4;
    result.register_number = static_cast<u8>(skips_high_bytes ? id - 4 : id);
    return result;
}

u64 execute(MemoryInstruction const& instruction, u64 memory, GeneralRegisters& registers,
            u64& rflags) {
    unsigned const width = instruction.width;
    u64 const other = instruction.has_immediate ? instruction.immediate & mask(width)
                                                : read_register(instruction, registers);
    u64 const first = instruction.memory_is_first ? memory : other;
    u64 const second = instruction.memory_is_first ? other : memory;
    u64 result = 0;
    switch (instruction.operation) {
    case Operation::move:
    case Operation::move_zero_extended: result = second; break;
    case Operation::move_sign_extended: result = sign_extended(second, width); break;
    case Operation::test:
    case Operation::and_:
        result = first & second;
        set_flags(rflags, result, width, 0);
        break;
    case Operation::or_:
        result = first | second;
        set_flags(rflags, result, width, 0);
        break;
    case Operation::xor_:
        result = first ^ second;
        set_flags(rflags, result, width, 0);
        break;
    case Operation::compare:
        set_flags(rflags, first - second, width, compare_flags(first, second, width));
        break;
    }
    if (instruction.memory_is_first) return result & mask(width);
    if (instruction.operation != Operation::compare && instruction.operation != Operation::test)
        write_register(instruction, registers, result);
    return 0;
}

std::expected<u8, DecodeError> instruction_length(std::span<u8 const> bytes, Mode mode) {
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    return TRY(decode(bytes, mode, operands)).length;
}

} // namespace x86

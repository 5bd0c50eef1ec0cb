// SPDX-License-Identifier: Apache-2.0
// Decodes and carries out an instruction that touched a device's memory: the forms that compilers
// make for reading and writing registers (mov, movzx, movsx, and, or, xor, test, cmp). Pure
// functions: the caller fetches the bytes, does the access itself and keeps the registers.
#pragma once

#include <expected>
#include <span>

#include "x86/emulate/processor.hpp"

namespace x86 {

struct MemoryInstruction {
    enum class Operation {
        move,
        move_zero_extended,
        move_sign_extended,
        and_,
        or_,
        xor_,
        test,
        compare
    };

    Operation operation;
    u8 length;            // bytes of the instruction
    u8 width;             // bytes accessed in memory: 1, 2, 4, 8
    u8 register_width;    // bytes of the register operand
    bool memory_is_first; // memory is the destination (or first operand of test and compare)
    bool has_immediate;   // the other operand is `immediate`, not a register
    bool high_byte;       // the register operand is ah, ch, dh or bh
    u8 register_number;
    u64 immediate;

    bool reads() const { return !(operation == Operation::move && memory_is_first); }
    bool writes() const {
        return memory_is_first && operation != Operation::test && operation != Operation::compare;
    }
};

enum class DecodeError {
    bad_bytes,   // no instruction, or cut off
    unsupported, // an instruction that is not meant for device memory
};

std::expected<MemoryInstruction, DecodeError> decode_memory_instruction(std::span<u8 const> bytes,
                                                                        Mode mode);

// The value to write to memory, if instruction.writes(). `memory` is what was read there (0 if
// !reads()). Updates the destination register and the flags.
u64 execute(MemoryInstruction const& instruction, u64 memory, GeneralRegisters& registers,
            u64& rflags);

// Bytes of whatever instruction stands there; an error if it is none.
std::expected<u8, DecodeError> instruction_length(std::span<u8 const> bytes, Mode mode);

} // namespace x86

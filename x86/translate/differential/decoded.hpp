// SPDX-License-Identifier: Apache-2.0
// Instructions as Zydis sees them, and what a comparison must know of them.
#pragma once

#include <Zydis/Zydis.h>
#include <optional>
#include <span>

#include "x86/translate/differential/outcome.hpp"

namespace x86::translate::differential {

struct Decoded {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    std::span<ZydisDecodedOperand const> all() const { return {operands, instruction.operand_count}; }
};

// code_size: 2 or 4, as in GuestMode.
std::optional<Decoded> decode(std::span<u8 const> bytes, unsigned code_size = 4);
bool is_integer(Decoded const& decoded); // neither FPU nor vectors, nor newer than those

// Instructions that give the same result whenever and wherever a program executes them: nothing that enters the system, changes segments, reads
// clocks or identifies the processor, and nothing newer than SSE2.
bool can_be_compared(Decoded const& decoded);

// Direct branches: the offset and size of their displacement. Empty: something else.
struct Displacement {
    u8 offset, bytes;
};
std::optional<Displacement> direct_branch(Decoded const& decoded);
bool ends_block(Decoded const& decoded); // control does not go on behind it, or not at once

// The number of a 32-bit general register, or of the one that a 16-bit one is part of.
std::optional<unsigned> general_register(ZydisRegister name);

// Flags that are not defined. Empty: an instruction reads a flag that is not.
class UndefinedFlags {
public:
    [[nodiscard]] bool add(Decoded const& decoded);
    u32 mask() const { return mask_; }

private:
    u32 mask_{};
};
// False: the case ended with an exception that the manual leaves open: in the middle of POPA, of which processors may already have loaded some
// registers; of MASKMOVQ at the end of the address space, which looks at bytes one by one. Or at the end of a segment of 4 GB with a base: there
// the translator does not look (GuestMode::unlimited).
bool is_certain(Case const& test, Outcome const& outcome);
// It ended with an exception in executable memory where no instruction of the case begins: a jump went astray.
bool is_astray(Case const& test, Outcome const& outcome);
// For the end that a case came to. Straight code: of what ran before it; else of all the code at any time.
std::optional<u32> undefined_flags(Case const& test, Outcome const& outcome);

} // namespace x86::translate::differential

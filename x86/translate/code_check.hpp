// SPDX-License-Identifier: Apache-2.0
// Proves of generated code, instruction by instruction, that it cannot touch more than it may.
// Memory operands are one of
//   - an address computed in 32 bits (prefix 67): the guest's 4 GB
//   - [r9], which an instruction of 32 bits has just written
//   - a field of State that generated code may use; the check of State::event; the first table
//   - the return stack, by CALL, RET, PUSH, POP, PUSHFQ, POPFQ and one move
// and there is no system call, privileged instruction, write to rsp or r15, or jump to anywhere but
// blocks and shared code. For tests.
#pragma once

#include <optional>
#include <string>

#include "x86/translate/translator.hpp"

namespace x86::translate {

// What is wrong with one block, but for where its jumps to other blocks arrive.
std::optional<std::string> check_block(Translator::Layout const& layout, BlockView const& block);

// What is wrong with any block: each jump arrives at an entry of a block or in shared code.
std::optional<std::string> check_all_blocks(Translator const& translator);

} // namespace x86::translate

// SPDX-License-Identifier: Apache-2.0
// The code that all blocks share: entering, leaving, finding the target of an indirect jump.
#pragma once

#include <cstddef>

#include "x86/translate/emitter.hpp"
#include "x86/translate/state.hpp"
#include "x86/translate/tables.hpp"

namespace x86::translate {

struct Stubs {
    u8 const* enter;          // from the owner to State::resume
    u8 const* missing;        // State::eip is set: leave
    u8 const* emulate;        // likewise
    u8 const* missing_target; // leave for r9d
    u8 const* find;           // to the block of r9d, by the second table; else leave
    u8 const* dispatch;       // to the block of r9d
    u8 const* wrong_block;    // at an indirect entry that is not r9d's; ecx is in r11d
    u8 const* wrong_return;   // behind a call that r9d does not return to; likewise
    u8 const* bottom;         // RET with nothing on the return stack
    i64 table;                // from State to the tables
    Tables::Shape shape;
};

// What precedes the return stack's first entry: words for the flags on their way.
inline constexpr unsigned scratch_bytes = 64;

namespace host {
inline Operand field(std::size_t offset) { return at(state, static_cast<i64>(offset)); }
inline Operand general(u8 guest) { return field(offsetof(State, general) + guest * sizeof(u32)); }
inline Operand const eip = field(offsetof(State, eip));
} // namespace host

// r10 = index of r9d in the table, r11d = ecx, as indirect entries expect it; `how` jumps (FF /4)
// or calls (FF /2) there.
void emit_dispatch(Emitter& e, Stubs const& stubs, u8 how);

// Writes the code; `table` and `shape` are already right. Chaining: else every indirect jump
// leaves.
void emit_stubs(Emitter& e, Stubs& stubs, bool chaining);

} // namespace x86::translate

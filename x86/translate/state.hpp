// SPDX-License-Identifier: Apache-2.0
// The guest's processor state as generated code and its owner share it: one page, read and written
// by both. While generated code runs, the general registers and the arithmetic flags are in the
// processor's own; at every exit they are here.
#pragma once

#include <cstddef>

#include "base/types.hpp"

namespace x86::translate {

// Why generated code came back.
enum class Reason : u32 {
    missing, // no block for eip yet
    emulate, // the instruction at eip is for the emulator
    event,   // State::event was set; eip is where the guest goes on
    fault,   // the processor raised an exception at eip (Translator::recover)
};

struct State {
    // `event` when generated code is to leave. Its checks read memory at this distance from State:
    // an address that is not canonical, so the check itself faults (#GP), costs nothing else and
    // leaves the flags alone. Translator::recover knows it (Recovery::event).
    static constexpr u64 stop = u64{1} << 62;

    u32 general[8];     // eax ecx edx ebx esp ebp esi edi
    u32 eip;            // offset in CS
    u32 flags;          // CF PF AF ZF SF DF OF, all other bits 0
    u32 interrupt_flag; // EFLAGS.IF in its place: 0 or 0x200
    u32 system_flags;   // TF IOPL NT RF VM AC VIF VIP ID in their places
    u64 event;          // 0 or `stop`, nothing else. Set by the owner at any time
    Reason reason;      // of the last exit
    // Not 0: an interrupt waits for interrupt_flag. STI and POPF are then for the emulator
    // (Reason::emulate), whose owner knows about STI's shadow; else they are carried out here. Set
    // by the owner while no generated code runs.
    u32 waiting;
    struct {
        u32 base;
        u32 limit;    // bytes, granularity applied
    } segments[6];    // by x86::SegmentName: es cs ss ds fs gs
    u16 selectors[6]; // likewise
    u16 padding[2];
    // Where generated code goes to leave, with everything stored here: an address of the owner's,
    // who finds r15 and rsp as it gave them.
    u64 leave;
    // The translator's own.
    u64 resume;       // where generated code goes on
    u64 owner_stack;  // rsp that the owner entered with
    u64 return_stack; // rsp of generated code, while it does not run
    u64 stack_top;    // lowest address of a few words above the return stack
};
static_assert(offsetof(State, event) == 48 && offsetof(State, segments) == 64 &&
              offsetof(State, leave) == 128);

} // namespace x86::translate

// SPDX-License-Identifier: Apache-2.0
// Makes the code of one block. The guest's registers and flags are in the host's all the time; glue
// code between the guest's instructions uses r9 to r14 and no instruction that changes flags, so
// that a fault anywhere finds the guest as it was before the instruction.
#pragma once

#include <vector>

#include "x86/translate/analysis.hpp"
#include "x86/translate/stubs.hpp"

namespace x86::translate {

struct BuiltExit {
    u8* at;     // rel32 of the jump
    u8* exit;   // where it goes for now
    u32 target; // guest eip
    bool checked;
};

// What a builder makes beside code. Kept from block to block for its memory.
struct Built {
    u8 *begin{}, *checked{}, *plain{}, *end{};
    std::vector<Place> places;
    std::vector<BuiltExit> exits;
    std::vector<u16> pads; // offsets of the code where calls return to
};

class Builder {
public:
    // An upper bound of what one block takes.
    static constexpr unsigned most_bytes = 16 * 1024;

    // home: where the code will run; at: where it is written.
    Builder(u8* home, u8* at, Options const& options, Stubs const& stubs, GuestBlock const& block,
            Built& built);
    void build();

private:
    struct LateExit { // to the emulator, for what turns out while the block runs
        u8* at;
        u32 eip;
    };

    void entries();
    void check_event(Decoded const& instruction);
    void verify(u8 const* otherwise, unsigned next);
    void one(Decoded const& d, unsigned number);
    void note(Decoded const& d, Action action);

    // builder_memory.cpp: operands in memory. Addresses of segments that are not flat are put into
    // r9; r10 and r11 are lost.
    Operand address(Decoded const& d, u8 size, i64 more = 0);
    Operand address_of(Decoded const& d);
    void locate(Decoded const& d, i64 more = 0);
    Operand within(Decoded const& d, SegmentName segment, u8 size);
    u8 size_of(Decoded const& d) const;
    Operand stack(Decoded const& d, i64 offset, u8 size);
    void move_stack(i64 bytes);

    // builder_copy.cpp
    Opcode copied(Decoded const& d, OpcodeFacts const& facts) const;
    void immediate(Decoded const& d);
    void copy(Decoded const& d);
    void copy_high_byte(Decoded const& d, Opcode const& opcode);
    void copy_register(Decoded const& d);
    void increment(Decoded const& d);
    void offset(Decoded const& d);
    void load_address(Decoded const& d);
    void string(Decoded const& d);
    void translate_byte(Decoded const& d);
    void vector_mask(Decoded const& d);
    void environment(Decoded const& d);
    void load_selector(Decoded const& d);

    // builder_stack.cpp
    void push(Decoded const& d, u8 from);
    void push_register(Decoded const& d);
    void pop_register(Decoded const& d);
    void push_immediate(Decoded const& d);
    void push_selector(Decoded const& d);
    void push_memory(Decoded const& d);
    void pop_memory(Decoded const& d);
    void push_all(Decoded const& d);
    void pop_all(Decoded const& d);
    void leave(Decoded const& d);
    void push_flags(Decoded const& d);
    void pop_flags(Decoded const& d);
    void take_flags(u8 from, u32 system);
    void interrupt_return(Decoded const& d);
    void set_interrupt(Decoded const& d);
    void unless_waiting(Decoded const& d);

    // builder_control.cpp
    void leave_to(u32 target, u8 opcode, bool checked);
    void emulate(Decoded const& d);
    void emulate_late(Decoded const& d);
    void jump(Decoded const& d);
    void jump_if(Decoded const& d);
    void loop(Decoded const& d);
    void loop16(Decoded const& d);
    void call(Decoded const& d, unsigned number);
    void call_indirect(Decoded const& d, unsigned number);
    void landing(Decoded const& d, unsigned number);
    void jump_indirect(Decoded const& d);
    void ret(Decoded const& d);
    void indirect_operand(Decoded const& d, u8 to);
    void exits();

    // builder_options.cpp: with steps of optimisation left out
    void before(Decoded const& d, OpcodeFacts const& facts);
    void after(Decoded const& d, OpcodeFacts const& facts);

    Emitter e_;
    Options const& options_;
    Stubs const& stubs_;
    GuestBlock const& block_;
    Context const& context_;
    Built& built_;
    std::vector<LateExit> late_;
};

} // namespace x86::translate

// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/stubs.hpp"

namespace x86::translate {
namespace {

using namespace host;

constexpr u32 guest_flags = 0xcd5; // CF PF AF ZF SF DF OF
constexpr u8 shift_left = 4, shift_right = 5, compare = 0x3b;
constexpr u8 push_flags = 0x9c, pop_flags = 0x9d, clear_direction = 0xfc;

void emit_enter(Emitter& e) {
    e.store_wide(field(offsetof(State, owner_stack)), rsp);
    e.load_wide(rsp, field(offsetof(State, stack_top)));
    e.load(r9, field(offsetof(State, flags)));
    e.instruction_of_register({.value = 0x50}, r9); // push
    e.byte(pop_flags);
    e.load_wide(rsp, field(offsetof(State, return_stack)));
    for (u8 guest = 0; guest < 8; ++guest) e.load(host_register(guest), general(guest));
    e.instruction({.value = 0xff}, 4, field(offsetof(State, resume))); // jmp
}

void emit_leave(Emitter& e) {
    for (u8 guest = 0; guest < 8; ++guest) e.store(general(guest), host_register(guest));
    e.store_wide(field(offsetof(State, return_stack)), rsp);
    e.load_wide(rsp, field(offsetof(State, stack_top)));
    e.byte(push_flags);
    e.instruction_of_register({.value = 0x58}, r9); // pop
    e.instruction({.value = 0x81}, 4, in(r9));      // and
    e.word32(guest_flags);
    e.store(field(offsetof(State, flags)), r9);
    e.byte(clear_direction); // as the owner's compiler expects
    e.load_wide(rsp, field(offsetof(State, owner_stack)));
    e.instruction({.value = 0xff}, 4, field(offsetof(State, leave))); // jmp
}

// The flags wait on the words above the return stack.
void emit_find(Emitter& e, Stubs const& stubs) {
    auto const back = [&] {
        e.byte(pop_flags);
        e.load_wide(rsp, field(offsetof(State, return_stack)));
    };
    e.store_wide(field(offsetof(State, return_stack)), rsp);
    e.load_wide(rsp, field(offsetof(State, stack_top)));
    e.byte(push_flags);
    e.instruction({.value = 0x69}, r10, in(r9)); // imul
    e.word32(Tables::hash_factor);
    auto const shift = [&](u8 direction, unsigned bits) {
        e.instruction({.value = 0xc1}, direction, in(r10));
        e.byte(bits);
    };
    shift(shift_right, 32 - stubs.shape.set_bits);
    shift(shift_left, 6); // bytes of a set
    static_assert(sizeof(Tables::Entry) * Tables::ways == 64);
    i64 const sets = stubs.table + static_cast<i64>(stubs.shape.index_bytes());
    e.lea_wide(r10, {.memory = true, .base = state, .index = r10, .displacement = sets});
    for (unsigned way = 0; way < Tables::ways; ++way) {
        i64 const entry = way * i64{sizeof(Tables::Entry)};
        e.instruction({.value = compare}, r9, at(r10, entry + i64{offsetof(Tables::Entry, eip)}));
        e.byte(0x75); // jne over what follows
        u8* const distance = e.position();
        e.byte(0);
        e.load_wide(r10, at(r10, entry));
        back();
        e.move(r11, ecx);
        e.instruction({.value = 0xff}, 4, in(r10)); // jmp
        e.land(distance);
    }
    back();
    e.jump(stubs.missing_target);
}

void emit_reason(Emitter& e, Reason reason) {
    e.store_immediate(field(offsetof(State, reason)), static_cast<u32>(reason));
}

} // namespace

void emit_dispatch(Emitter& e, Stubs const& stubs, u8 how) {
    if (stubs.shape.index_bits == 8) {
        e.zero_extend8(r10, r9);
    } else {
        e.zero_extend16(r10, r9);
    }
    e.move(r11, ecx);
    e.instruction(
        {.value = 0xff}, how,
        {.memory = true, .base = state, .index = r10, .scale = 3, .displacement = stubs.table});
}

void emit_stubs(Emitter& e, Stubs& stubs, bool chaining) {
    stubs.enter = e.position();
    emit_enter(e);
    u8 const* const leave = e.position();
    emit_leave(e);

    stubs.emulate = e.position();
    emit_reason(e, Reason::emulate);
    e.jump(leave);
    stubs.missing_target = e.position();
    e.store(eip, r9);
    stubs.missing = e.position();
    emit_reason(e, Reason::missing);
    e.jump(leave);

    stubs.wrong_block = e.position();
    e.move(ecx, r11);
    stubs.find = e.position();
    emit_find(e, stubs);

    stubs.bottom = e.position();
    e.lea_wide(rsp, at(rsp, -8)); // the entry stays
    e.jump(e.position() + 8);     // over the move
    stubs.wrong_return = e.position();
    e.move(ecx, r11);
    stubs.dispatch = e.position();
    if (chaining) {
        emit_dispatch(e, stubs, 4);
    } else {
        e.jump(stubs.missing_target);
    }
}

} // namespace x86::translate

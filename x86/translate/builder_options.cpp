// SPDX-License-Identifier: Apache-2.0
// Steps of optimisation left out, so that their worth can be measured: registers and flags that
// live in State between instructions. The host's hold the same values then, which is what exits and
// faults go by.
#include "x86/translate/builder.hpp"

namespace x86::translate {

using namespace host;

namespace {

constexpr u8 all_registers = 0xff;

// Registers that an instruction may use: all of them if not only ModRM names them.
u8 registers_of(Decoded const& d, OpcodeFacts const& facts) {
    u8 result = 0;
    auto const use = [&](u8 number) { result = static_cast<u8>(result | 1u << (number & 7)); };
    if (facts.implicit) return all_registers;
    switch (d.form) {
    case Form::copy:
    case Form::bit_string:
    case Form::address:
    case Form::load_selector:
    case Form::jump_indirect: break;
    case Form::increment:
    case Form::copy_register: use(d.opcode); return result;
    case Form::push_register:
    case Form::pop_register:
        use(d.opcode);
        use(4);
        return result;
    case Form::jump_if:
    case Form::jump:
    case Form::none:
    case Form::clear_interrupt: return 0;
    case Form::ret:
    case Form::call:
    case Form::push_immediate:
    case Form::push_selector: use(4); return result;
    default: return all_registers;
    }
    if (facts.reg) use(d.reg);
    if (facts.reg_byte) use(d.reg & 3);
    if (!d.memory && facts.rm) use(d.rm);
    if (!d.memory && facts.rm_byte) use(d.rm & 3);
    if (d.memory && d.base != Decoded::no_register) use(d.base);
    if (d.memory && d.index != Decoded::no_register) use(d.index);
    return result;
}

} // namespace

void Builder::before(Decoded const& d, OpcodeFacts const& facts) {
    if (!options_.registers) {
        u8 const used = registers_of(d, facts);
        for (u8 guest = 0; guest < 8; ++guest)
            if ((used >> guest & 1) != 0) e_.load(host_register(guest), general(guest));
    }
    if (!options_.lazy_flags && facts.reads_flags) {
        note(d, Action::host_stack);
        e_.load(r9, field(offsetof(State, flags)));
        e_.instruction_of_register({.value = 0x50}, r9); // push
        e_.byte(0x9d);                                   // popfq
        note(d, Action::none);
    }
}

void Builder::after(Decoded const& d, OpcodeFacts const& facts) {
    if (!options_.registers) {
        u8 const used = registers_of(d, facts);
        for (u8 guest = 0; guest < 8; ++guest)
            if ((used >> guest & 1) != 0) e_.store(general(guest), host_register(guest));
    }
    if (!options_.lazy_flags && !facts.spares_flags) {
        note(d, Action::host_stack);
        e_.byte(0x9c);                                   // pushfq
        e_.instruction_of_register({.value = 0x58}, r9); // pop
        note(d, Action::none);
        e_.store(field(offsetof(State, flags)), r9);
    }
}

} // namespace x86::translate

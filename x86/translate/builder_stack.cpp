// SPDX-License-Identifier: Apache-2.0
// The guest's stack: the memory first, which may fault, then esp. And the flags as a word.
#include "x86/translate/builder.hpp"

namespace x86::translate {

using namespace host;

namespace {

constexpr u32 trap_flag = 0x100, interrupt_flag = 0x200;
constexpr u32 arithmetic_and_direction = 0xcd5;
constexpr u32 always = 0x202; // bit 1, and IF as user mode has it
constexpr u8 selector_of(Decoded const& d) { return d.opcode >> 3 & 7; } // of PUSH

} // namespace

void Builder::push(Decoded const& d, u8 from) {
    auto const slot = stack(d, -i64{d.operand_size}, d.operand_size);
    e_.instruction({.value = 0x89, .size16 = d.operand_size == 2}, from, slot);
    move_stack(-i64{d.operand_size});
}

void Builder::push_register(Decoded const& d) { push(d, host_register(d.opcode & 7)); }

void Builder::pop_register(Decoded const& d) {
    u8 const to = d.opcode & 7;
    auto const slot = stack(d, 0, d.operand_size);
    bool const half = d.operand_size == 2;
    if (to != 4) {
        e_.instruction({.value = 0x8b, .size16 = half}, to, slot);
        return move_stack(d.operand_size);
    }
    if (half) { // esp is first incremented, which its upper half shows
        e_.load16(r12, slot);
        move_stack(d.operand_size);
        e_.instruction({.value = 0x89, .size16 = true}, r12, in(esp));
    } else {
        e_.load(esp, slot);
    }
}

void Builder::push_immediate(Decoded const& d) {
    bool const half = d.operand_size == 2;
    auto const slot = stack(d, -i64{d.operand_size}, d.operand_size);
    e_.instruction({.value = 0xc7, .size16 = half}, 0, slot);
    e_.word(static_cast<u64>(d.immediate), d.operand_size);
    move_stack(-i64{d.operand_size});
}

void Builder::push_selector(Decoded const& d) {
    e_.load16(r12, field(offsetof(State, selectors) + selector_of(d) * sizeof(u16)));
    push(d, r12);
}

void Builder::push_memory(Decoded const& d) {
    bool const half = d.operand_size == 2;
    u8 const value = d.memory ? u8{r12} : host_register(d.rm);
    if (d.memory) e_.instruction({.value = 0x8b, .size16 = half}, r12, address(d, d.operand_size));
    push(d, value);
}

// The address counts from where esp is afterwards.
void Builder::pop_memory(Decoded const& d) {
    bool const half = d.operand_size == 2;
    if (!d.memory) {
        auto by_number = d;
        by_number.opcode = d.rm;
        return pop_register(by_number);
    }
    e_.instruction({.value = 0x8b, .size16 = half}, r12, stack(d, 0, d.operand_size));
    auto const to = address(d, d.operand_size, d.base == 4 ? d.operand_size : 0);
    e_.instruction({.value = 0x89, .size16 = half}, r12, to);
    move_stack(d.operand_size);
}

void Builder::push_all(Decoded const& d) {
    bool const half = d.operand_size == 2;
    for (u8 guest = 0; guest < 8; ++guest) {
        auto const slot = stack(d, -i64{d.operand_size} * (guest + 1), d.operand_size);
        e_.instruction({.value = 0x89, .size16 = half}, host_register(guest), slot);
    }
    move_stack(-8 * i64{d.operand_size});
}

void Builder::pop_all(Decoded const& d) {
    bool const half = d.operand_size == 2;
    for (i64 word = 0; word < 8; ++word) { // what may fault, before any register changes; the first of them counts
        auto const slot = stack(d, word * d.operand_size, d.operand_size);
        e_.instruction({.value = 0x8b, .size16 = half}, r12, slot);
    }
    for (u8 guest = 0; guest < 8; ++guest) {
        if (guest == 4) continue;
        auto const slot = stack(d, (7 - i64{guest}) * d.operand_size, d.operand_size);
        e_.instruction({.value = 0x8b, .size16 = half}, host_register(guest), slot);
    }
    move_stack(8 * i64{d.operand_size});
}

void Builder::leave(Decoded const& d) {
    bool const half = d.operand_size == 2, wide = context_.mode.stack_size == 4;
    Operand frame{.memory = true, .base = ebp, .address32 = true};
    if (!wide || !context_.flat(SegmentName::ss)) {
        if (wide) {
            e_.move(r9, ebp);
        } else {
            e_.zero_extend16(r9, ebp);
        }
        frame = within(d, SegmentName::ss, d.operand_size);
    }
    e_.instruction({.value = 0x8b, .size16 = half}, r12, frame);
    e_.lea(r10, at(ebp, d.operand_size));
    e_.instruction({.value = 0x89, .size16 = !wide}, r10, in(esp));
    e_.instruction({.value = 0x89, .size16 = half}, r12, in(ebp));
    if (!options_.registers) e_.store(general(4), esp);
}

// Of the host's flags IF is always set and those of the system are clear: what the guest sees is a
// sum.
void Builder::push_flags(Decoded const& d) {
    note(d, Action::host_stack);
    e_.byte(0x9c);                                    // pushfq
    e_.instruction_of_register({.value = 0x58}, r12); // pop
    note(d, Action::none);
    e_.load(r10, field(offsetof(State, interrupt_flag)));
    e_.lea(r12, {.memory = true, .base = r12, .index = r10, .displacement = -i64{interrupt_flag}});
    e_.load(r10, field(offsetof(State, system_flags)));
    e_.lea(r12, {.memory = true, .base = r12, .index = r10});
    push(d, r12);
}

void Builder::pop_flags(Decoded const& d) {
    unless_waiting(d);
    u32 const system = d.operand_size == 2 ? 0x7000 : 0x247000; // IOPL NT, AC ID
    e_.instruction({.value = 0x8b, .size16 = d.operand_size == 2}, r12,
                   stack(d, 0, d.operand_size));
    note(d, Action::host_stack);
    e_.byte(0x9c); // pushfq
    note(d, Action::none);
    e_.instruction({.value = 0xf7}, 0, in(r12)); // test
    e_.word32(trap_flag);
    e_.byte(0x74); // jz: single steps are the emulator's
    e_.byte(6);
    e_.byte(0x9d); // popfq
    emulate_late(d);
    take_flags(r12, system);
    move_stack(d.operand_size);
}

// The flags in a register become the guest's; the host's stand on its stack and are popped. system:
// those of system_flags that change.
void Builder::take_flags(u8 from, u32 system) {
    auto const masked = [&](u8 to, u32 mask) {
        e_.move(to, from);
        e_.instruction({.value = 0x81}, 4, in(to)); // and
        e_.word32(mask);
    };
    masked(r9, interrupt_flag);
    e_.store(field(offsetof(State, interrupt_flag)), r9);
    masked(r9, system);
    e_.load(r10, field(offsetof(State, system_flags)));
    e_.instruction({.value = 0x81}, 4, in(r10)); // and
    e_.word32(~system);
    e_.instruction({.value = 0x09}, r10, in(r9)); // or
    e_.store(field(offsetof(State, system_flags)), r9);
    masked(r9, arithmetic_and_direction);
    e_.lea(r9, at(r9, always));
    e_.store_wide(at(rsp), r9);
    e_.byte(0x9d); // popfq
}

// To the code segment where it stands, as kernels do behind their own interrupts and to serialise
// the processor. All else is the emulator's.
void Builder::interrupt_return(Decoded const& d) {
    if (!options_.registers || !options_.lazy_flags) return emulate(d);
    constexpr u32 system = 0x247000;         // IOPL NT, AC ID
    constexpr u32 emulated_flags = 0x1b4100; // TF NT, RF VM VIF VIP
    constexpr u32 nested_task = 0x4000;
    unless_waiting(d);
    e_.load(r14, stack(d, 0, 4));
    e_.load(r12, stack(d, 4, 4));
    e_.load(r13, stack(d, 8, 4));
    note(d, Action::host_stack);
    e_.byte(0x9c); // pushfq
    note(d, Action::none);
    e_.instruction({.value = 0x33, .size16 = true}, r12,
                   field(offsetof(State, selectors) + 2)); // xor: CS
    e_.zero_extend16(r9, r12);
    auto const collect = [&](u32 mask) {
        e_.instruction({.value = 0x81}, 4, in(r10)); // and
        e_.word32(mask);
        e_.instruction({.value = 0x09}, r10, in(r9)); // or
    };
    e_.move(r10, r13);
    collect(emulated_flags);
    e_.load(r10, field(offsetof(State, system_flags)));
    collect(nested_task);
    e_.byte(0x74); // jz
    e_.byte(6);
    e_.byte(0x9d); // popfq
    emulate_late(d);
    take_flags(r13, system);
    move_stack(12);
    e_.move(r9, r14);
    if (options_.chaining) return emit_dispatch(e_, stubs_, 4);
    e_.jump(stubs_.missing_target);
}

void Builder::set_interrupt(Decoded const& d) {
    unless_waiting(d);
    e_.store_immediate(field(offsetof(State, interrupt_flag)), interrupt_flag);
}

void Builder::unless_waiting(Decoded const& d) {
    e_.move(r10, ecx);
    e_.load(ecx, field(offsetof(State, waiting)));
    u8* const nobody = e_.skip_if_rcx_zero();
    e_.move(ecx, r10);
    emulate_late(d);
    e_.land(nobody);
    e_.move(ecx, r10);
}

} // namespace x86::translate

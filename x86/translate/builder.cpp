// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/builder.hpp"

namespace x86::translate {

using namespace host;

Builder::Builder(u8* home, u8* at, Options const& options, Stubs const& stubs,
                 GuestBlock const& block, Built& built)
    : e_(home, at), options_(options), stubs_(stubs), block_(block), context_(*block.context),
      built_(built) {
    built_.places.clear();
    built_.exits.clear();
    built_.pads.clear();
}

void Builder::build() {
    entries();
    for (unsigned i = 0; i < block_.count; ++i) one(block_.instructions[i], i);
    auto const& last = block_.instructions[block_.count - 1];
    bool const goes_on =
        last.form != Form::emulate && last.form != Form::jump && last.form != Form::ret &&
        last.form != Form::jump_indirect && last.form != Form::interrupt_return &&
        (options_.return_stack || (last.form != Form::call && last.form != Form::call_indirect));
    // Behind the end of the address space comes its beginning: backwards, and maybe a loop's only way.
    u32 const next = block_.next_of(last);
    if (goes_on) leave_to(next, 0xe9, next <= block_.eip_of(last));
    exits();
    built_.end = e_.position();
}

void Builder::entries() {
    Decoded const start{};
    built_.begin = e_.position();
    if (options_.chaining) verify(stubs_.wrong_block, 0);
    built_.checked = e_.position();
    check_event(start);
    built_.plain = e_.position();
}

// Whoever is stopped here goes on with the instruction.
void Builder::check_event(Decoded const& instruction) {
    note(instruction, Action::event);
    e_.load_wide(r10, field(offsetof(State, event)));
    e_.load(r10, {.memory = true, .base = state, .index = r10});
}

// Goes on if r9d is the eip of instruction `next` (which may be the one behind the block); whoever
// jumps here has copied ecx to r11d. The first instruction has 5 bytes or more: it can be
// overwritten by a jump at once.
void Builder::verify(u8 const* otherwise, unsigned next) {
    u32 const eip =
        next < block_.count ? block_.eip_of(block_.instructions[next]) : block_.eip + block_.length;
    for (unsigned const code : {0x41u, 0x8du, 0x89u}) e_.byte(code); // lea ecx, [r9 + disp32]
    e_.word32(0 - u64{eip});
    u8* const same = e_.skip_if_rcx_zero();
    e_.jump(otherwise);
    e_.land(same);
    e_.move(ecx, r11);
}

void Builder::note(Decoded const& d, Action action) {
    built_.places.push_back({static_cast<u16>(e_.position() - built_.begin), d.offset, action});
}

void Builder::one(Decoded const& d, unsigned number) {
    auto const& facts = *d.facts;
    note(d, Action::none);
    before(d, facts);
    switch (d.form) {
    case Form::emulate: return emulate(d);
    case Form::copy:
    case Form::bit_string: copy(d); break;
    case Form::copy_register: copy_register(d); break;
    case Form::increment: increment(d); break;
    case Form::offset: offset(d); break;
    case Form::address: load_address(d); break;
    case Form::string: string(d); break;
    case Form::translate_byte: translate_byte(d); break;
    case Form::vector_mask: vector_mask(d); break;
    case Form::environment: environment(d); break;
    case Form::none: break;
    case Form::push_register: push_register(d); break;
    case Form::pop_register: pop_register(d); break;
    case Form::push_immediate: push_immediate(d); break;
    case Form::push_selector: push_selector(d); break;
    case Form::push_memory: push_memory(d); break;
    case Form::pop_memory: pop_memory(d); break;
    case Form::push_all: push_all(d); break;
    case Form::pop_all: pop_all(d); break;
    case Form::leave: leave(d); break;
    case Form::push_flags: push_flags(d); break;
    case Form::pop_flags: pop_flags(d); break;
    case Form::load_selector: load_selector(d); break;
    case Form::clear_interrupt:
        e_.store_immediate(field(offsetof(State, interrupt_flag)), 0);
        break;
    case Form::set_interrupt: set_interrupt(d); break;
    case Form::jump_if: return jump_if(d);
    case Form::jump: return jump(d);
    case Form::call: return call(d, number);
    case Form::ret: return ret(d);
    case Form::loop: return loop(d);
    case Form::jump_indirect: return jump_indirect(d);
    case Form::call_indirect: return call_indirect(d, number);
    case Form::interrupt_return: return interrupt_return(d);
    }
    after(d, facts);
}

} // namespace x86::translate

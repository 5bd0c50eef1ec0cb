// SPDX-License-Identifier: Apache-2.0
// Where blocks end or branch. A jump to a known address goes to an exit of its own block until it
// is chained (Cache).
//
//   call f        guest's stack <- return address; host: call f
//   ... f: ret    r9d <- guest's stack; host: ret
//   landing       is r9d the address of the next instruction? Then go on, else find its block
#include "x86/translate/builder.hpp"

namespace x86::translate {

using namespace host;

namespace {

constexpr u8 jump_rel32 = 0xe9, call_rel32 = 0xe8, jump_rm = 4, call_rm = 2;
constexpr u8 loop_while_zero = 0xe1, loop_always = 0xe2, jump_if_zero = 0xe3;

} // namespace

// `opcode`: of a jump or call with rel32; conditions 80 to 8F take 0F in front.
void Builder::leave_to(u32 target, u8 opcode, bool checked) {
    if (opcode < 0x90) e_.byte(0x0f);
    e_.byte(opcode);
    built_.exits.push_back({e_.position(), nullptr, target, checked});
    e_.word32(0);
}

void Builder::emulate(Decoded const& d) {
    e_.store_immediate(eip, block_.eip_of(d));
    e_.jump(stubs_.emulate);
}

// The same in the middle of an instruction: one jump of 5 bytes.
void Builder::emulate_late(Decoded const& d) {
    e_.byte(jump_rel32);
    late_.push_back({e_.position(), block_.eip_of(d)});
    e_.word32(0);
}

void Builder::exits() {
    for (auto& exit : built_.exits) {
        exit.exit = e_.position();
        e_.land_far(exit.at, exit.exit);
        e_.store_immediate(eip, exit.target);
        e_.jump(stubs_.missing);
    }
    for (auto const& late : late_) {
        e_.land_far(late.at, e_.position());
        e_.store_immediate(eip, late.eip);
        e_.jump(stubs_.emulate);
    }
}

void Builder::jump(Decoded const& d) {
    u32 const target = block_.target_of(d);
    leave_to(target, jump_rel32, target <= block_.eip_of(d));
}

void Builder::jump_if(Decoded const& d) {
    u32 const target = block_.target_of(d);
    leave_to(target, static_cast<u8>(0x80 | (d.opcode & 0xf)), target <= block_.eip_of(d));
}

// Counts in cx, which no instruction of 64-bit code does.
void Builder::loop16(Decoded const& d) {
    u32 const target = block_.target_of(d);
    bool const checked = target <= block_.eip_of(d);
    if (d.opcode != jump_if_zero) {
        e_.lea(r10, at(ecx, -1));
        e_.instruction({.value = 0x89, .size16 = true}, r10, in(ecx));
        if (!options_.registers) e_.store(general(ecx), ecx);
    }
    e_.move(r11, ecx);
    e_.zero_extend16(ecx, ecx);
    u8* const zero = e_.skip_if_rcx_zero();
    e_.move(ecx, r11);
    if (d.opcode == jump_if_zero) {
        e_.byte(0xeb); // over move and jump
        e_.byte(8);
        e_.land(zero);
        e_.move(ecx, r11);
        return leave_to(target, jump_rel32, checked);
    }
    if (d.opcode != loop_always) {
        e_.byte(d.opcode == loop_while_zero ? 0x75 : 0x74); // over the jump
        e_.byte(5);
    }
    leave_to(target, jump_rel32, checked);
    e_.land(zero);
    e_.move(ecx, r11);
}

void Builder::loop(Decoded const& d) {
    if (d.address_size == 2) return loop16(d);
    u32 const target = block_.target_of(d);
    bool const counts = d.opcode != jump_if_zero;
    if (counts && !options_.registers) {
        e_.lea(ecx, at(ecx, -1));
        e_.store(general(ecx), ecx);
        e_.lea(ecx, at(ecx, 1));
    }
    e_.byte(0x67);
    e_.byte(d.opcode);
    e_.byte(2);    // to the jump
    e_.byte(0xeb); // over it
    e_.byte(5);
    leave_to(target, jump_rel32, target <= block_.eip_of(d));
}

void Builder::call(Decoded const& d, unsigned number) {
    u32 const target = block_.target_of(d), back = block_.next_of(d);
    auto const slot = stack(d, -i64{d.operand_size}, d.operand_size);
    e_.instruction({.value = 0xc7, .size16 = d.operand_size == 2}, 0, slot);
    e_.word(back, d.operand_size);
    move_stack(-i64{d.operand_size});
    if (!options_.return_stack) return leave_to(target, jump_rel32, true);
    if (target == back) return; // how code finds its own address: no RET belongs to it
    note(d, Action::host_stack);
    leave_to(target, call_rel32, true);
    landing(d, number);
}

// r9 to r11 are used on the way, so the target waits in a register behind them.
void Builder::indirect_operand(Decoded const& d, u8 to) {
    bool const half = d.operand_size == 2;
    auto const operand = d.memory ? address(d, d.operand_size) : in(host_register(d.rm));
    if (half) {
        e_.load16(to, operand);
    } else {
        e_.load(to, operand);
    }
}

void Builder::call_indirect(Decoded const& d, unsigned number) {
    u32 const back = block_.next_of(d);
    indirect_operand(d, r12);
    auto const slot = stack(d, -i64{d.operand_size}, d.operand_size);
    e_.instruction({.value = 0xc7, .size16 = d.operand_size == 2}, 0, slot);
    e_.word(back, d.operand_size);
    move_stack(-i64{d.operand_size});
    e_.move(r9, r12);
    if (!options_.return_stack) return e_.jump(stubs_.dispatch);
    note(d, Action::host_stack);
    if (options_.chaining) {
        emit_dispatch(e_, stubs_, call_rm);
    } else {
        e_.call(stubs_.missing_target);
    }
    landing(d, number);
}

void Builder::landing(Decoded const& d, unsigned number) {
    note(d, Action::none);
    built_.pads.push_back(static_cast<u16>(e_.position() - built_.begin));
    verify(stubs_.wrong_return, number + 1);
}

void Builder::jump_indirect(Decoded const& d) {
    indirect_operand(d, r9);
    if (options_.chaining) return emit_dispatch(e_, stubs_, jump_rm);
    e_.jump(stubs_.missing_target);
}

void Builder::ret(Decoded const& d) {
    auto const slot = stack(d, 0, d.operand_size);
    if (d.operand_size == 2) {
        e_.load16(r12, slot);
    } else {
        e_.load(r12, slot);
    }
    move_stack(d.operand_size + (d.immediate & 0xffff));
    e_.move(r9, r12);
    if (options_.return_stack) {
        e_.move(r11, ecx); // as landings expect it
        return e_.byte(0xc3);
    }
    if (options_.chaining) return emit_dispatch(e_, stubs_, jump_rm);
    e_.jump(stubs_.missing_target);
}

} // namespace x86::translate

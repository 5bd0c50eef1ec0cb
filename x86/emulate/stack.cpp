// SPDX-License-Identifier: Apache-2.0
// Instructions around the stack, near branches and the flags register.
#include "x86/emulate/chapters.hpp"

namespace x86 {

Done push_all(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    u64 const old_top = e.get(rsp, bytes);
    for (unsigned number = rax; number <= rdi; ++number)
        TRY(e.push(bytes, number == rsp ? old_top : e.get(number, bytes)));
    return Outcome::done;
}

Done pop_all(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    for (unsigned number = rdi + 1; number-- > rax;) {
        u64 const value = TRY(e.pop(bytes));
        if (number != rsp) e.set(number, bytes, value);
    }
    return Outcome::done;
}

Done pop_operand(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    u64 const value = TRY(e.pop(bytes)); // an address with rsp in it uses the new one
    TRY(e.write_rm(bytes, value));
    return Outcome::done;
}

Done push_flags(Execution& e) {
    TRY(e.check_virtual_8086());
    TRY(e.push(e.instruction.operand_size, e.core.rflags & ~(flags::resume | flags::virtual_8086)));
    return Outcome::done;
}

Done pop_flags(Execution& e) {
    TRY(e.check_virtual_8086());
    unsigned const bytes = e.instruction.operand_size;
    u64 const value = TRY(e.pop(bytes));
    u64 changes = flags::arithmetic | flags::trap | flags::direction | flags::nested_task |
                  flags::alignment_check | flags::identification;
    if (e.cpl <= e.iopl()) changes |= flags::interrupt; // else it silently stays
    if (e.cpl == 0) changes |= flags::Iopl::mask;
    changes &= mask_of(bytes);
    e.core.rflags = (e.core.rflags & ~changes) | (value & changes);
    return Outcome::done;
}

Done enter(Execution& e) {
    unsigned const bytes = e.instruction.operand_size, size = e.stack_size();
    u64 const room = e.instruction.immediate & 0xffff;
    unsigned const level = e.instruction.second_immediate & 0x1f;
    TRY(e.push(bytes, e.get(rbp, bytes)));
    u64 const frame = e.core.registers.value[rsp]; // all of it, even if the stack has 16 bits
    for (unsigned i = 1; i < level; ++i) { // the frames of the enclosing procedures
        u64 const at = (e.core.registers.value[rbp] - i * bytes) & mask_of(size);
        u64 const link = e.load(TRY(e.locate(SegmentName::ss, at, bytes, Access::read)));
        TRY(e.push(bytes, link));
    }
    if (level > 0) TRY(e.push(bytes, frame));
    e.set(rbp, bytes, frame);
    u64 const top = (e.core.registers.value[rsp] - room) & mask_of(size);
    e.set(rsp, size, top);
    // A later push must not be the first to fail: the manual checks the new top for writing.
    TRY(e.locate(SegmentName::ss, top, bytes, Access::write));
    return Outcome::done;
}

Done leave(Execution& e) {
    unsigned const bytes = e.instruction.operand_size, size = e.stack_size();
    e.set(rsp, size, e.get(rbp, size));
    e.set(rbp, bytes, TRY(e.pop(bytes)));
    return Outcome::done;
}

Done jump_near(Execution& e) {
    TRY(e.jump(e.next + e.instruction.immediate, e.instruction.operand_size));
    return Outcome::done;
}

Done call_near(Execution& e) {
    u64 const back = e.next;
    TRY(e.jump(e.next + e.instruction.immediate, e.instruction.operand_size));
    TRY(e.push(e.instruction.operand_size, back));
    return Outcome::done;
}

Done return_near(Execution& e) {
    u64 const target = TRY(e.pop(e.instruction.operand_size));
    TRY(e.jump(target, e.instruction.operand_size));
    u64 const arguments = e.instruction.immediate & 0xffff; // RET without an immediate: 0
    e.set(rsp, e.stack_size(), e.core.registers.value[rsp] + arguments);
    return Outcome::done;
}

Done loop(Execution& e) {
    enum { while_not_zero_flag, while_zero_flag, always, if_counter_is_zero };
    unsigned const counter_bytes = e.instruction.address_size;
    unsigned const kind = e.instruction.opcode & 3;
    bool taken;
    if (kind == if_counter_is_zero) {
        taken = e.get(rcx, counter_bytes) == 0;
    } else {
        e.set(rcx, counter_bytes, e.get(rcx, counter_bytes) - 1);
        bool const zero = e.flag(flags::zero) != 0;
        taken =
            e.get(rcx, counter_bytes) != 0 && (kind == always || zero == (kind == while_zero_flag));
    }
    return taken ? jump_near(e) : Outcome::done;
}

Done indirect(Execution& e) {
    enum { call = 2, far_call, jump, far_jump };
    unsigned const bytes = e.instruction.operand_size;
    switch (e.instruction.group()) {
    case call: {
        u64 const back = e.next, target = TRY(e.read_rm(bytes));
        TRY(e.jump(target, bytes));
        TRY(e.push(bytes, back));
        return Outcome::done;
    }
    case jump: {
        u64 const target = TRY(e.read_rm(bytes));
        TRY(e.jump(target, bytes));
        return Outcome::done;
    }
    case far_call:
    case far_jump: {
        u64 const target = e.load(TRY(e.memory(bytes, Access::read)));
        u16 const selector = static_cast<u16>(e.load(TRY(e.memory(2, Access::read, bytes))));
        return e.instruction.group() == far_call ? call_far(e, selector, target)
                                                 : jump_far(e, selector, target);
    }
    default: { // PUSH
        u64 const value = TRY(e.read_rm(bytes));
        TRY(e.push(bytes, value));
        return Outcome::done;
    }
    }
}

} // namespace x86

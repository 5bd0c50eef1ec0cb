// SPDX-License-Identifier: Apache-2.0
// Transfers to other code segments and privilege levels: Intel SDM vol. 2, JMP, CALL, RET, IRET,
// SYSENTER, SYSEXIT. No task switches.
#include "x86/emulate/canonical.hpp"
#include "x86/emulate/chapters.hpp"
#include "x86/emulate/descriptors.hpp"
#include "x86/emulate/real_mode.hpp"
#include "x86/emulate/stack_switch.hpp"
#include "x86/registers.hpp"

namespace x86 {
namespace {

bool is_long(Execution const& e, Segment const& code) {
    return e.long_mode() && access_rights::Long::get(code.access_rights);
}

OrException<> check_target(Execution const& e, Segment const& code, u64 offset) {
    if (is_long(e, code) ? !is_canonical(offset) : offset > code.limit)
        return fail(exceptions::general_protection());
    return {};
}

void enter(Execution& e, Segment const& code, u64 offset) {
    e.processor.set_segment(SegmentName::cs, code);
    e.next = offset;
}

OrException<Segment> paragraph_target(Execution& e, u16 selector, u64 offset) {
    Segment const code = paragraph_segment(e, SegmentName::cs, selector);
    TRY(check_target(e, code, offset));
    return code;
}

OrException<> push_return_address(Execution& e, unsigned bytes) {
    TRY(e.push(bytes, e.processor.segment(SegmentName::cs).selector));
    return e.push(bytes, e.next);
}

// What JMP and CALL found behind their selector.
struct Target {
    Descriptor descriptor;
    u16 selector;
};

OrException<Target> find_target(Execution& e, u16 selector) {
    if (is_null(selector)) return fail(exceptions::general_protection());
    return Target{TRY(read_descriptor(e, selector)), selector};
}

// A code segment entered directly, without a gate: the privilege level stays.
OrException<Segment> direct_target(Execution& e, Target& target) {
    auto const& d = target.descriptor;
    bool const allowed =
        d.conforming() ? d.dpl() <= e.cpl : rpl_of(target.selector) <= e.cpl && d.dpl() == e.cpl;
    if (!allowed) return fail(exceptions::general_protection(index_of(target.selector)));
    return code_segment(e, target.selector, target.descriptor, e.cpl);
}

bool is_call_gate(Descriptor const& d) {
    return d.is_system(system_type::call_gate16) || d.is_system(system_type::call_gate32);
}

// The code segment behind a call gate, or the exception of who may not pass.
OrException<Target> pass_gate(Execution& e, Target const& gate) {
    u32 const code = index_of(gate.selector);
    if (gate.descriptor.dpl() < e.cpl || gate.descriptor.dpl() < rpl_of(gate.selector))
        return fail(exceptions::general_protection(code));
    if (!gate.descriptor.present()) return fail(exceptions::not_present(code));
    auto const target = TRY(find_target(e, gate.descriptor.gate_selector()));
    if (!target.descriptor.is_code() || target.descriptor.dpl() > e.cpl)
        return fail(exceptions::general_protection(index_of(target.selector)));
    return target;
}

Done refuse_system_descriptor(Execution& e, Target const& target) {
    using namespace system_type;
    Descriptor const& d = target.descriptor;
    if (is_call_gate(d) && e.long_mode()) return e.unsupported("call gate of long mode");
    bool const task = d.is_system(task_gate) || d.is_system(tss16) || d.is_system(tss32);
    if (task && !e.long_mode()) return e.unsupported("task switch");
    return fail(exceptions::general_protection(index_of(target.selector)));
}

Done call_inner(Execution& e, Target const& gate, Target& target) {
    unsigned const level = target.descriptor.dpl();
    unsigned const bytes = gate.descriptor.is_system(system_type::call_gate32) ? 4 : 2;
    u64 const offset = gate.descriptor.gate_offset() & mask_of(bytes);
    auto stack = TRY(inner_stack(e, level));
    TRY(stack.push(e, bytes, e.processor.segment(SegmentName::ss).selector));
    TRY(stack.push(e, bytes, e.core.registers.value[rsp]));
    for (unsigned i = gate.descriptor.gate_parameters(); i-- > 0;) {
        u64 const parameter = TRY(e.peek(bytes, i * bytes));
        TRY(stack.push(e, bytes, parameter));
    }
    TRY(stack.push(e, bytes, e.processor.segment(SegmentName::cs).selector));
    TRY(stack.push(e, bytes, e.next));
    auto const code = TRY(code_segment(e, target.selector, target.descriptor, level));
    TRY(check_target(e, code, offset));
    enter(e, code, offset);
    adopt(e, stack, true);
    return Outcome::done;
}

} // namespace

Done jump_far(Execution& e, u16 selector, u64 offset) {
    if (e.by_paragraphs()) {
        enter(e, TRY(paragraph_target(e, selector, offset)), offset);
        return Outcome::done;
    }
    auto target = TRY(find_target(e, selector));
    if (!target.descriptor.is_code()) {
        if (!is_call_gate(target.descriptor) || e.long_mode())
            return refuse_system_descriptor(e, target);
        bool const is32 = target.descriptor.is_system(system_type::call_gate32);
        offset = target.descriptor.gate_offset() & mask_of(is32 ? 4 : 2);
        target = TRY(pass_gate(e, target));
        target.selector = index_of(target.selector); // a gate's RPL does not count
    }
    auto const code = TRY(direct_target(e, target));
    TRY(check_target(e, code, offset));
    enter(e, code, offset);
    return Outcome::done;
}

Done call_far(Execution& e, u16 selector, u64 offset) {
    unsigned bytes = e.instruction.operand_size;
    if (e.by_paragraphs()) {
        auto const code = TRY(paragraph_target(e, selector, offset));
        TRY(push_return_address(e, bytes));
        enter(e, code, offset);
        return Outcome::done;
    }
    auto target = TRY(find_target(e, selector));
    if (!target.descriptor.is_code()) {
        if (!is_call_gate(target.descriptor) || e.long_mode())
            return refuse_system_descriptor(e, target);
        auto const gate = target;
        bytes = gate.descriptor.is_system(system_type::call_gate32) ? 4 : 2;
        offset = gate.descriptor.gate_offset() & mask_of(bytes);
        target = TRY(pass_gate(e, gate));
        target.selector = index_of(target.selector);
        if (!target.descriptor.conforming() && target.descriptor.dpl() < e.cpl)
            return call_inner(e, gate, target);
    }
    auto const code = TRY(direct_target(e, target));
    TRY(check_target(e, code, offset));
    TRY(push_return_address(e, bytes));
    enter(e, code, offset);
    return Outcome::done;
}

namespace {

// Where RET or IRET goes: found on the stack, checked, not yet entered.
struct Return {
    Segment code;
    u64 offset{};
    unsigned cpl{};
};

OrException<Return> find_return(Execution& e, u16 selector, u64 offset) {
    if (e.by_paragraphs()) return Return{TRY(paragraph_target(e, selector, offset)), offset, e.cpl};
    u32 const code = index_of(selector);
    if (is_null(selector)) return fail(exceptions::general_protection());
    unsigned const level = rpl_of(selector);
    auto descriptor = TRY(read_descriptor(e, selector));
    bool const allowed =
        descriptor.is_code() && level >= e.cpl &&
        (descriptor.conforming() ? descriptor.dpl() <= level : descriptor.dpl() == level);
    if (!allowed) return fail(exceptions::general_protection(code));
    auto const segment = TRY(code_segment(e, selector, descriptor, level));
    TRY(check_target(e, segment, offset));
    return Return{segment, offset, level};
}

// Data segments that the outer level must not see.
void drop_inner_segments(Execution& e, unsigned cpl) {
    for (auto const name : {SegmentName::es, SegmentName::ds, SegmentName::fs, SegmentName::gs}) {
        Segment const segment = e.processor.segment(name);
        u64 const rights = segment.access_rights;
        constexpr unsigned conforming_code = 0xc;
        bool const conforming =
            (access_rights::Type::get(rights) & conforming_code) == conforming_code;
        if (access_rights::Unusable::get(rights) || conforming ||
            access_rights::Dpl::get(rights) >= cpl)
            continue;
        e.processor.set_segment(name, null_segment(0));
    }
}

// SS:SP `distance` bytes up the stack, for the level that is returned to.
OrException<NewStack> find_outer_stack(Execution& e, Return const& to, unsigned bytes,
                                       u64 distance) {
    u64 const pointer = TRY(e.peek(bytes, distance));
    u16 const selector = static_cast<u16>(TRY(e.peek(bytes, distance + bytes)));
    bool const may_be_null = is_long(e, to.code) && to.cpl < 3;
    if (is_null(selector) && may_be_null) return NewStack(null_segment(selector), pointer, to.cpl);
    return NewStack(TRY(stack_segment(e, selector, to.cpl, vector::general_protection)), pointer,
                    to.cpl);
}

// The stack pointer has the width of the stack that it now belongs to.
void enter_outer(Execution& e, Return const& to, NewStack const& stack, u64 release) {
    bool const outer = to.cpl > e.cpl;
    bool const wide = access_rights::Default32::get(stack.segment().access_rights) != 0;
    u64 const pointer = stack.pointer() + release;
    enter(e, to.code, to.offset);
    e.processor.set_segment(SegmentName::ss, stack.segment());
    e.set(rsp, is_long(e, to.code) ? 8 : wide ? 4 : 2, pointer);
    if (outer) drop_inner_segments(e, to.cpl);
}

} // namespace

Done return_far(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    u64 const release = e.instruction.immediate & 0xffff;
    u64 const offset = TRY(e.peek(bytes, 0));
    u16 const selector = static_cast<u16>(TRY(e.peek(bytes, bytes)));
    auto const to = TRY(find_return(e, selector, offset));
    if (to.cpl > e.cpl) {
        enter_outer(e, to, TRY(find_outer_stack(e, to, bytes, 2 * bytes + release)), release);
        return Outcome::done;
    }
    e.set(rsp, e.stack_size(), e.core.registers.value[rsp] + 2 * bytes + release);
    enter(e, to.code, to.offset);
    return Outcome::done;
}

Done return_from_interrupt(Execution& e) {
    unsigned const bytes = e.instruction.operand_size;
    TRY(e.check_virtual_8086());
    if (e.flag(flags::nested_task) && !e.by_paragraphs()) {
        if (e.long_mode()) return fail(exceptions::general_protection());
        return e.unsupported("task switch");
    }
    u64 const offset = TRY(e.peek(bytes, 0));
    u16 const selector = static_cast<u16>(TRY(e.peek(bytes, bytes)));
    u64 const image = TRY(e.peek(bytes, 2 * bytes));
    bool const protected_kernel = e.cpl == 0 && !e.real && !e.long_mode();
    if (protected_kernel && bytes == 4 && (image & flags::virtual_8086) != 0)
        return return_to_virtual_8086(e, offset, selector, image);
    auto const to = TRY(find_return(e, selector, offset));
    u64 changes = flags::arithmetic | flags::trap | flags::direction | flags::nested_task |
                  flags::resume | flags::alignment_check | flags::identification;
    if (e.cpl <= e.iopl()) changes |= flags::interrupt;
    if (e.cpl == 0) changes |= flags::Iopl::mask;
    changes &= mask_of(bytes);
    if (e.long64() || to.cpl > e.cpl) {
        enter_outer(e, to, TRY(find_outer_stack(e, to, bytes, 3 * bytes)), 0);
    } else {
        e.set(rsp, e.stack_size(), e.core.registers.value[rsp] + 3 * bytes);
        enter(e, to.code, to.offset);
    }
    e.core.rflags = (e.core.rflags & ~changes) | (image & changes);
    e.keeps_resume_flag = true;
    return Outcome::done;
}

namespace {

// Flat segments of 4 GiB, without a look at the descriptors.
constexpr u32 flat_code = 0xc09b, flat_data = 0xc093;
Segment flat(u64 selector, u32 rights, unsigned level) {
    return {.selector = static_cast<u16>((selector & 0xfffc) | level),
            .access_rights = rights | level << 5,
            .limit = 0xffffffff};
}

} // namespace

Done system_enter(Execution& e) {
    if (e.long_mode()) return e.unsupported("SYSENTER in long mode");
    if (e.real) return fail(exceptions::general_protection());
    u64 const selector = e.processor.read_msr(msr::sysenter_cs).value_or(0) & 0xffff;
    if (index_of(static_cast<u16>(selector)) == 0) return fail(exceptions::general_protection());
    u64 const stack = e.processor.read_msr(msr::sysenter_cs + 1).value_or(0);
    u64 const target = e.processor.read_msr(msr::sysenter_cs + 2).value_or(0);
    e.core.rflags &= ~(flags::interrupt | flags::virtual_8086);
    e.set(rsp, 4, stack);
    enter(e, flat(selector, flat_code, 0), target & 0xffffffff);
    e.processor.set_segment(SegmentName::ss, flat(selector + 8, flat_data, 0));
    return Outcome::done;
}

Done system_exit(Execution& e) {
    if (e.long_mode()) return e.unsupported("SYSEXIT in long mode");
    if (e.real) return fail(exceptions::general_protection());
    u64 const selector = e.processor.read_msr(msr::sysenter_cs).value_or(0) & 0xffff;
    if (index_of(static_cast<u16>(selector)) == 0) return fail(exceptions::general_protection());
    TRY(e.require_cpl0());
    enter(e, flat(selector + 16, flat_code, 3), e.get(rdx, 4));
    e.processor.set_segment(SegmentName::ss, flat(selector + 24, flat_data, 3));
    e.set(rsp, 4, e.get(rcx, 4));
    return Outcome::done;
}

} // namespace x86

// SPDX-License-Identifier: Apache-2.0
// Events through the IDT: Intel SDM vol. 3, 6.11 to 6.15.
#include "x86/emulate/canonical.hpp"
#include "x86/emulate/chapters.hpp"
#include "x86/emulate/real_mode.hpp"
#include "x86/emulate/stack_switch.hpp"

namespace x86 {
namespace {

constexpr u32 from_idt = 2, external = 1; // bits of an error code

struct Gate {
    Descriptor descriptor;
    u32 code; // that names it

    bool clears_interrupts() const { return (descriptor.type() & 1) == 0; }
    unsigned bytes() const { return (descriptor.type() & 8) != 0 ? 4 : 2; }
};

OrException<Gate> find_gate(Execution& e, EventKind kind, u8 number) {
    TableRegister const table = e.processor.idtr();
    unsigned const entry_bytes = e.long_mode() ? 16 : 8;
    u64 const at = u64{number} * entry_bytes;
    Gate gate{.descriptor = {}, .code = number * 8u | from_idt};
    if (at + entry_bytes - 1 > table.limit) return fail(exceptions::general_protection(gate.code));
    auto& d = gate.descriptor;
    d.low = TRY(e.read_system(table.base + at, 8));
    if (e.long_mode()) d.high = TRY(e.read_system(table.base + at + 8, 8));
    using namespace system_type;
    bool const usable = d.is_system(interrupt_gate32) || d.is_system(trap_gate32) ||
                        (!e.long_mode() && (d.is_system(interrupt_gate16) ||
                                            d.is_system(trap_gate16) || d.is_system(task_gate)));
    if (!usable || (kind == EventKind::software_interrupt && d.dpl() < e.cpl))
        return fail(exceptions::general_protection(gate.code));
    if (!d.present()) return fail(exceptions::not_present(gate.code));
    return gate;
}

struct Handler {
    Segment code;
    u64 offset{};
    unsigned cpl{};
};

OrException<Handler> find_handler(Execution& e, Gate const& gate) {
    u16 const selector = gate.descriptor.gate_selector();
    u64 const offset = gate.descriptor.gate_offset() & mask_of(e.long_mode() ? 8 : gate.bytes());
    if (is_null(selector)) return fail(exceptions::general_protection());
    auto descriptor = TRY(read_descriptor(e, selector));
    bool const fits_mode = !e.long_mode() || descriptor.is_long();
    if (!descriptor.is_code() || descriptor.dpl() > e.cpl || !fits_mode)
        return fail(exceptions::general_protection(index_of(selector)));
    unsigned const cpl = descriptor.conforming() ? e.cpl : descriptor.dpl();
    if (e.virtual_8086 && cpl != 0) return fail(exceptions::general_protection(index_of(selector)));
    auto const code = TRY(code_segment(e, selector, descriptor, cpl));
    if (e.long_mode() ? !is_canonical(offset) : offset > code.limit)
        return fail(exceptions::general_protection());
    return Handler{code, offset, cpl};
}

OrException<NewStack> find_stack(Execution& e, Gate const& gate, unsigned cpl) {
    bool const switches = cpl < e.cpl;
    if (!e.long_mode()) return switches ? inner_stack(e, cpl) : current_stack(e);
    unsigned const interrupt_stack = gate.descriptor.gate_stack();
    Segment const segment =
        switches ? null_segment(static_cast<u16>(cpl)) : e.processor.segment(SegmentName::ss);
    u64 const pointer = switches || interrupt_stack != 0
                            ? TRY(long_mode_stack(e, cpl, interrupt_stack))
                            : e.core.registers.value[rsp];
    NewStack stack(segment, pointer, cpl);
    stack.align();
    return stack;
}

// What the handler's IRET will load. Faults let the instruction run again without its breakpoint.
u64 saved_flags(Execution const& e, EventKind kind, u8 number) {
    bool const fault = kind == EventKind::exception && number != vector::debug &&
                       number != vector::breakpoint && number != vector::overflow &&
                       number != vector::double_fault;
    return fault ? e.core.rflags | flags::resume : e.core.rflags;
}

// Virtual-8086 mode's data segments are no selectors for the handler: they are saved, and null.
constexpr SegmentName virtual_data_segments[] = {SegmentName::gs, SegmentName::fs, SegmentName::ds,
                                                 SegmentName::es};

// What IRET pops, from its top to its bottom.
OrException<> push_frame(Execution& e, NewStack& stack, bool with_stack, unsigned bytes,
                         u64 flags) {
    if (e.virtual_8086)
        for (auto const name : virtual_data_segments)
            TRY(stack.push(e, bytes, e.processor.segment(name).selector));
    if (with_stack) {
        TRY(stack.push(e, bytes, e.processor.segment(SegmentName::ss).selector));
        TRY(stack.push(e, bytes, e.core.registers.value[rsp]));
    }
    TRY(stack.push(e, bytes, flags));
    TRY(stack.push(e, bytes, e.processor.segment(SegmentName::cs).selector));
    return stack.push(e, bytes, e.core.rip);
}

// Changes e.core and, at the end, CS and SS; core.rip is what the handler returns to.
Done enter_handler(Execution& e, EventKind kind, Exception const& event) {
    if (e.real) return enter_real_handler(e, event.vector);
    auto const gate = TRY(find_gate(e, kind, event.vector));
    if (gate.descriptor.is_system(system_type::task_gate))
        return e.unsupported("task gate in the IDT");
    auto const handler = TRY(find_handler(e, gate));
    if (e.long_mode()) e.mode = Mode::long64; // the handler's, whose stack it is
    auto stack = TRY(find_stack(e, gate, handler.cpl));
    bool const switches = handler.cpl < e.cpl;
    unsigned const bytes = e.long_mode() ? 8 : gate.bytes();
    TRY(push_frame(e, stack, switches || e.long_mode(), bytes, saved_flags(e, kind, event.vector)));
    if (kind == EventKind::exception && event.error_code)
        TRY(stack.push(e, bytes, *event.error_code));

    e.core.rflags &= ~(flags::trap | flags::nested_task | flags::resume | flags::virtual_8086);
    if (gate.clears_interrupts()) e.core.rflags &= ~flags::interrupt;
    e.core.rip = handler.offset;
    if (e.virtual_8086)
        for (auto const name : virtual_data_segments)
            e.processor.set_segment(name, null_segment(0));
    e.processor.set_segment(SegmentName::cs, handler.code);
    adopt(e, stack, switches);
    return Outcome::done;
}

Done attempt(Execution& e, EventKind kind, Exception const& event) {
    auto result = enter_handler(e, kind, event);
    if (result || kind == EventKind::software_interrupt) return result;
    auto& code = result.error().error_code;
    if (code && result.error().vector != vector::page_fault)
        *code |= external; // not the program's own doing
    return result;
}

bool is_contributory(u8 number) {
    return number == vector::divide_error ||
           (number >= vector::invalid_tss && number <= vector::general_protection);
}

// The exception to deliver when `second` occurred while `first` was on its way; empty: shutdown.
// SDM vol. 3, table 6-5.
std::optional<Exception> combined(EventKind kind, Exception const& first, Exception const& second) {
    if (kind != EventKind::exception) return second; // interrupts are benign
    bool const second_is_page_fault = second.vector == vector::page_fault;
    bool const severe = second_is_page_fault || is_contributory(second.vector);
    if (first.vector == vector::double_fault && severe) return std::nullopt;
    bool const doubles = (is_contributory(first.vector) && is_contributory(second.vector)) ||
                         (first.vector == vector::page_fault && severe);
    return doubles ? Exception{vector::double_fault, 0} : second;
}

} // namespace

Done software_interrupt(Execution& e, u8 number) {
    e.core.rip = e.next;
    auto const outcome = TRY(attempt(e, EventKind::software_interrupt, {.vector = number}));
    e.next = e.core.rip;
    e.enters_handler = true;
    return outcome;
}

Result deliver(Processor& processor, EventKind kind, Exception const& event) {
    Exception current = event;
    for (;;) {
        if (kind == EventKind::exception && current.vector == vector::page_fault)
            (void)processor.set_control_register(2, current.address);
        Execution e(processor);
        auto const outcome = attempt(e, kind, current);
        if (outcome) {
            if (*outcome == Outcome::done) processor.set_core(e.core);
            return {.outcome = *outcome, .why = e.why};
        }
        auto const then = combined(kind, current, outcome.error());
        if (!then) return {.outcome = Outcome::triple_fault};
        kind = EventKind::exception;
        current = *then;
    }
}

} // namespace x86

// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/stack_switch.hpp"

namespace x86 {
namespace {

// A field of the TSS; outside of its limit: #TS.
OrException<u64> task_field(Execution& e, Segment const& task, unsigned offset, unsigned bytes) {
    if (offset + bytes - 1 > task.limit)
        return fail(exceptions::invalid_tss(index_of(task.selector)));
    return e.read_system(task.base + offset, bytes);
}

} // namespace

unsigned NewStack::size(Execution const& e) const {
    if (e.long64()) return 8;
    return access_rights::Default32::get(segment_.access_rights) ? 4 : 2;
}

OrException<> NewStack::push(Execution& e, unsigned bytes, u64 value) {
    u64 const mask = mask_of(size(e));
    u64 const top = (pointer_ - bytes) & mask;
    auto const address = e.linear(SegmentName::ss, segment_, top, bytes, Access::write);
    if (!address)
        return fail(exceptions::stack_fault(cpl_ == e.cpl ? 0 : index_of(segment_.selector)));
    e.store(TRY(e.locate(*address, bytes, Access::write, cpl_ < 3)), value);
    pointer_ = (pointer_ & ~mask) | top;
    return {};
}

NewStack current_stack(Execution& e) {
    return {e.processor.segment(SegmentName::ss), e.core.registers.value[rsp], e.cpl};
}

OrException<NewStack> inner_stack(Execution& e, unsigned cpl) {
    Segment const task = e.processor.segment(SegmentName::tr);
    bool const is32 = (access_rights::Type::get(task.access_rights) & 8) != 0;
    unsigned const bytes = is32 ? 4 : 2;
    unsigned const at = bytes + 2 * bytes * cpl; // behind the link: SP and SS of each level
    u64 const pointer = TRY(task_field(e, task, at, bytes));
    u16 const selector = static_cast<u16>(TRY(task_field(e, task, at + bytes, 2)));
    return NewStack(TRY(stack_segment(e, selector, cpl, vector::invalid_tss)), pointer, cpl);
}

OrException<u64> long_mode_stack(Execution& e, unsigned cpl, unsigned interrupt_stack) {
    constexpr unsigned level_stacks = 4, interrupt_stacks = 36;
    Segment const task = e.processor.segment(SegmentName::tr);
    unsigned const at = interrupt_stack != 0 ? interrupt_stacks + 8 * (interrupt_stack - 1)
                                             : level_stacks + 8 * cpl;
    return task_field(e, task, at, 8);
}

void adopt(Execution& e, NewStack const& stack, bool switched) {
    if (switched) e.processor.set_segment(SegmentName::ss, stack.segment());
    e.core.registers.value[rsp] = stack.pointer();
}

} // namespace x86

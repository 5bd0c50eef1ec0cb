// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/real_mode.hpp"

#include "x86/emulate/chapters.hpp"
#include "x86/emulate/stack_switch.hpp"

namespace x86 {
namespace {

constexpr u32 whole_paragraphs = 0xffff;             // limit
constexpr u32 real_data = 0x93, virtual_data = 0xf3; // present, writable, accessed; level 0 and 3

Segment virtual_segment(u16 selector) {
    return {.selector = selector,
            .access_rights = virtual_data,
            .limit = whole_paragraphs,
            .base = u64{selector} << 4};
}

} // namespace

Segment paragraph_segment(Execution& e, SegmentName name, u16 selector) {
    if (e.virtual_8086) return virtual_segment(selector);
    Segment segment = e.processor.segment(name);
    if (access_rights::Unusable::get(segment.access_rights)) // a null selector of protected mode
        segment = {.access_rights = real_data, .limit = whole_paragraphs};
    segment.selector = selector;
    segment.base = u64{selector} << 4;
    return segment;
}

Done return_to_virtual_8086(Execution& e, u64 offset, u16 selector, u64 image) {
    using enum SegmentName;
    constexpr SegmentName on_stack[] = {ss, es, ds, fs, gs}; // behind EIP CS EFLAGS ESP
    constexpr unsigned bytes = 4, pointer_at = 3 * bytes, selectors_at = 4 * bytes;
    if (offset > whole_paragraphs) return fail(exceptions::general_protection());
    u64 const pointer = TRY(e.peek(bytes, pointer_at));
    u16 selectors[std::size(on_stack)];
    for (unsigned i = 0; i < std::size(on_stack); ++i)
        selectors[i] = static_cast<u16>(TRY(e.peek(bytes, selectors_at + bytes * i)));

    for (unsigned i = 0; i < std::size(on_stack); ++i)
        e.processor.set_segment(on_stack[i], virtual_segment(selectors[i]));
    e.processor.set_segment(cs, virtual_segment(selector));
    e.set(rsp, bytes, pointer);
    constexpr u64 loaded = flags::arithmetic | flags::trap | flags::interrupt | flags::direction |
                           flags::Iopl::mask | flags::nested_task | flags::resume |
                           flags::virtual_8086 | flags::alignment_check | flags::identification;
    e.core.rflags = (e.core.rflags & ~loaded) | (image & loaded);
    e.keeps_resume_flag = true;
    e.next = offset;
    return Outcome::done;
}

Done enter_real_handler(Execution& e, u8 number) {
    constexpr unsigned entry_bytes = 4, word = 2;
    TableRegister const table = e.processor.idtr();
    u64 const at = u64{number} * entry_bytes;
    if (at + entry_bytes - 1 > table.limit) return fail(exceptions::general_protection());
    u64 const pointer = TRY(e.read_system(table.base + at, entry_bytes));
    NewStack stack = current_stack(e);
    TRY(stack.push(e, word, e.core.rflags));
    TRY(stack.push(e, word, e.processor.segment(SegmentName::cs).selector));
    TRY(stack.push(e, word, e.core.rip));

    e.core.rflags &= ~(flags::interrupt | flags::trap | flags::alignment_check | flags::resume);
    e.core.rip = pointer & mask_of(word);
    u16 const selector = static_cast<u16>(pointer >> 16);
    e.processor.set_segment(SegmentName::cs, paragraph_segment(e, SegmentName::cs, selector));
    adopt(e, stack, false);
    return Outcome::done;
}

} // namespace x86

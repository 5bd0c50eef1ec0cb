// SPDX-License-Identifier: Apache-2.0
// A processor for tests with the tables of a small 32-bit kernel: a GDT with a segment of every
// kind, a TSS, an IDT. It starts at level 0.
#pragma once

#include "x86/emulate/test_processor.hpp"

namespace x86 {

namespace selectors {
inline constexpr u16 code = 0x08, data = 0x10, user_code = 0x1b, user_data = 0x23, task = 0x28,
                     conforming = 0x30, absent = 0x38, gate = 0x40, local = 0x48, code16 = 0x50,
                     read_only = 0x58, execute_only = 0x60, short_code = 0x68, inner_gate = 0x70,
                     long_code = 0x78, outside = 0x88;
} // namespace selectors

struct TestKernel : TestProcessor {
    static constexpr u64 gdt_at = 0x10000, task_at = 0x11000, idt_at = 0x12000, ldt_at = 0x13000;
    static constexpr u32 kernel_stack = 0x9000, gate_target = 0x5000;

    TestKernel() {
        gdt = {gdt_at, 0x87};
        idt = {idt_at, 0x7ff};
        put_segment(selectors::code, 0xc09b, 0, 0xfffff);
        put_segment(selectors::data, 0xc093, 0, 0xfffff);
        put_segment(selectors::user_code, 0xc0fb, 0, 0xfffff);
        put_segment(selectors::user_data, 0xc0f3, 0, 0xfffff);
        put_segment(selectors::task, 0x0089, task_at, 0x67);
        put_segment(selectors::conforming, 0xc09e, 0, 0xfffff); // not accessed yet
        put_segment(selectors::absent, 0xc013, 0, 0xfffff);
        put_gate(gdt_at + selectors::gate, 0xec, selectors::code, gate_target, 2);
        put_segment(selectors::local, 0x0082, ldt_at, 0xff);
        put_segment(selectors::code16, 0x009b, 0, 0xffff);
        put_segment(selectors::read_only, 0xc091, 0, 0xfffff);
        put_segment(selectors::execute_only, 0xc099, 0, 0xfffff);
        put_segment(selectors::short_code, 0x409b, 0, 0xfff);
        put_gate(gdt_at + selectors::inner_gate, 0x8c, selectors::code, gate_target, 0);
        put_segment(selectors::long_code, 0xa09b, 0, 0xfffff);
        put<u32>(task_at + 4, kernel_stack);
        put<u16>(task_at + 8, selectors::data);
        put<u16>(task_at + 102, 0x68); // no map of ports
        segments[index(SegmentName::tr)] = {selectors::task, 0x8b, 0x67, task_at};
    }
    // rights as in VMX; limit as in the descriptor.
    void put_segment(u16 selector, u32 rights, u32 base, u32 limit) {
        u64 const word = (limit & 0xffff) | u64{base & 0xffffff} << 16 | u64{rights & 0xff} << 40 |
                         u64{limit >> 16 & 0xf} << 48 | u64{rights >> 12 & 0xf} << 52 |
                         u64{base >> 24} << 56;
        put<u64>(gdt_at + (selector & 0xfff8), word);
    }
    void put_gate(u64 at, u8 rights, u16 selector, u32 offset, unsigned parameters = 0) {
        put<u64>(at, (offset & 0xffff) | u64{selector} << 16 | u64{parameters} << 32 |
                         u64{rights} << 40 | u64{offset >> 16} << 48);
    }
    void put_handler(u8 number, u8 rights, u32 offset, u16 selector = selectors::code) {
        put_gate(idt_at + number * 8, rights, selector, offset);
    }
    void enter_user_mode() {
        segments[index(SegmentName::cs)] = flat(selectors::user_code, 0xc0fb);
        for (auto const name : {SegmentName::ss, SegmentName::ds, SegmentName::es})
            segments[index(name)] = flat(selectors::user_data, 0xc0f3);
    }
    u16 selector(SegmentName name) const { return segments[index(name)].selector; }
    u32 stack(unsigned word) const { return get<u32>(state.registers.value[4] + 4 * word); }
    bool accessed(u16 of) const { return (get<u8>(gdt_at + (of & 0xfff8) + 5) & 1) != 0; }

    Result run(std::vector<u8> const& code) {
        put_code(code);
        return emulate(*this);
    }
};

// "done", or "13(18)": vector and, if there is one, the error code in hexadecimal.
inline std::string text(Result const& result) {
    switch (result.outcome) {
    case Outcome::done: return "done";
    case Outcome::repeat: return "repeat";
    case Outcome::halt: return "halt";
    case Outcome::hypercall: return "hypercall";
    case Outcome::triple_fault: return "triple fault";
    case Outcome::unsupported: return std::string("unsupported ") + result.why;
    case Outcome::raised: break;
    }
    std::string out = std::to_string(result.exception.vector);
    if (!result.exception.error_code) return out;
    char code[16];
    std::snprintf(code, sizeof code, "(%x)", *result.exception.error_code);
    return out + code;
}

} // namespace x86

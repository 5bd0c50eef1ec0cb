// SPDX-License-Identifier: Apache-2.0
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 user_data = 0x33;
// Selectors 0..3 are null; 5, 6, 7 are the user's code, data, code. All others belong to the kernel or to nobody.
bool may_load(u64 selector, bool stack) {
    if (stack) return selector == user_data;
    u64 const index = selector >> 3;
    return (selector & 4) == 0 && (index == 0 || (index >= 5 && index <= 7));
}

void test_selector(Child const& child, void (*load)(), bool stack, u64 selector) {
    auto const fault = child.run(load, selector);
    if (may_load(selector, stack)) {
        check("a segment that user mode may load", fault.is_exception(6), selector);
        expect("the selector is there", fault.registers.rax, selector, selector);
    } else {
        check("a segment that user mode may not load", fault.is_exception(13, selector & 0xfffc), selector);
        expect("at the instruction", fault.at(), Child::address_of(load), selector);
    }
}

// There is no LDT. After a reset its base is 0 and its limit 64 KiB: had the kernel left it so, descriptors could be put there,
// among them call gates into the kernel.
void test_local_descriptor_table(Child const& child) {
    for (u64 page = 0; page < 16; ++page) {
        auto const frame = supply().make<user::Frame>();
        auto* const words = reinterpret_cast<u64*>(supply().view(frame));
        constexpr u64 target = 0xffffffff80101000; // the kernel's text
        for (u64 i = 0; i < page_size / 8; i += 2) { // Intel SDM vol. 3, 5.8.3.1
            words[i] = (target & 0xffff) | u64{0x08} << 16 | u64{0xec00} << 32 | (target >> 16 & 0xffff) << 48;
            words[i + 1] = target >> 32;
        }
        words[2] = 0x00cff3000000ffff; // a data segment
        words[3] = 0x00cffb000000ffff; // 32-bit code
        supply().map(child.space, frame, page * page_size, read_write);
    }
    // LCALL *(%rdi), for each selector with a gate.
    child.set_code({0xff, 0x1f, 0x0f, 0x0b});
    auto* const pointer = reinterpret_cast<u8*>(child.data_view);
    for (u64 selector = 4; selector < 0x10000; selector = selector < 0x100 ? selector + 8 : selector * 2 + 4) {
        for (u64 const level : {u64{0}, u64{3}}) {
            u64 const used = selector | level;
            for (int i = 0; i < 4; ++i) pointer[i] = 0;
            pointer[4] = static_cast<u8>(used);
            pointer[5] = static_cast<u8>(used >> 8);
            auto registers = child.at(Child::code);
            registers.rdi = Child::data;
            auto const fault = child.run(registers);
            check("a far call through the LDT", fault.is_exception(13, selector & 0xfffc), used);
            expect("a far call through the LDT", fault.at(), Child::code, used);
            for (auto const load : {attack_load_ds, attack_load_ss}) test_selector(child, load, load == attack_load_ss, used);
        }
    }
}

} // namespace

void test_segments() {
    group("segments");
    Child const child(supply());
    test_local_descriptor_table(child);
    void (*const loads[])() = {attack_load_ds, attack_load_es, attack_load_fs, attack_load_gs, attack_load_ss};
    for (auto const load : loads) {
        bool const stack = load == attack_load_ss;
        for (u64 selector = 0; selector < 0x400; ++selector) test_selector(child, load, stack, selector);
        for (u64 const selector : {u64{0x1000}, u64{0x7ff8}, u64{0xfff8}, u64{0xffff}}) test_selector(child, load, stack, selector);
    }
    // Loading FS or GS clears its base, until the thread is switched to the next time.
    auto registers = child.at(Child::address_of(attack_read_fs));
    registers.fs_base = registers.gs_base = Child::data;
    child.data_view[0] = 0x5a;
    expect("FS's base is back", child.run(registers).registers.rax, 0x5a);
    registers.rip = Child::address_of(attack_read_gs);
    expect("GS's base is back", child.run(registers).registers.rax, 0x5a);
}

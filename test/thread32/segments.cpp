// SPDX-License-Identifier: Apache-2.0
// There is no way out of 32-bit mode: nothing but null and the thread's own two segments can be loaded or reached.
#include "test/thread32/tests.hpp"

namespace {

constexpr u8 invalid_opcode = 6, general_protection = 13;
constexpr u32 last_selector = 0xffff;

constexpr u32 index_of(u32 selector) { return selector >> 2; } // with the table: what a #GP names
constexpr bool is_null(u32 selector) { return selector < 4; }
constexpr bool is_code(u32 selector) { return index_of(selector) == index_of(abi::selector32::code); }
constexpr bool is_data(u32 selector) { return index_of(selector) == index_of(abi::selector32::data); }

void test_loads(Guest const& guest) {
    struct {
        void (*load)();
        bool stack;
    } const loads[] = {{guest_load_ds, false}, {guest_load_es, false}, {guest_load_fs, false}, {guest_load_gs, false}, {guest_load_ss, true}};
    guest.start(guest.at(guest_count));
    for (auto const& [load, stack] : loads) {
        // All in the first table and its neighbours, then every eighth, RPL and table changing.
        for (u32 selector = 0; selector <= last_selector; selector += selector < 0x1100 ? 1 : 9) {
            user::Registers32 registers = guest.at(load);
            registers.eax = selector;
            auto const trap = guest.go_on(registers);
            bool const loads_it = stack ? selector == abi::selector32::data : is_null(selector) || is_code(selector) || is_data(selector);
            if (loads_it) {
                expect("a segment that it may load", trap.event, invalid_opcode, selector);
                expect("the selector is there", trap.registers.ebx & 0xffff, selector, selector);
            } else {
                expect_exception("a segment that it may not load", trap, general_protection, selector & 0xfffc, registers.eip, selector);
            }
        }
    }
}

// Selectors are the kernel's at first and whenever it comes from another thread: this one, the handler.
void test_initial_selectors(Guest const& guest) {
    user::Registers32 registers = guest.at(guest_load_ds);
    guest.start(registers); // null
    auto const found = guest.go_on(guest.at(guest_selectors)).registers;
    expect("cs", found.eax & 0xffff, abi::selector32::code);
    for (u32 const selector : {found.ebx, found.ecx, found.edx, found.esi, found.edi})
        expect("a flat data segment", selector & 0xffff, abi::selector32::data);
    // What this program has in its own is null again.
    u64 own[4];
    asm volatile("mov %%ds, %0\n mov %%es, %1\n mov %%fs, %2\n mov %%gs, %3" : "=r"(own[0]), "=r"(own[1]), "=r"(own[2]), "=r"(own[3]));
    for (u64 const selector : own) expect("null in a 64-bit thread", selector & 0xffff, 0);
}

void test_bases(Guest const& guest) {
    user::Registers32 registers = guest.at(guest_read_fs);
    for (u32 i = 0; i < 8; ++i) guest.data_view[i] = 0x100 + i;
    registers.fs_base = Guest::data + 8;
    registers.gs_base = Guest::data + 12;
    auto trap = guest.start(registers);
    expect("FS's base", trap.registers.eax, 0x102);
    expect("GS's base", trap.registers.ecx, 0x104);
    registers.fs_base = Guest::data - 0x1000; // nothing there
    trap = guest.go_on(registers);
    expect("FS's base, changed: a page fault", trap.event, 14);
    expect("FS's base, changed: its address", trap.address, Guest::data - 0x1000);
    registers.fs_base = 0;
    expect("no base", guest.go_on(registers).address, 0);
    registers.fs_base = 0xffffffff;
    expect("a base at the end", guest.go_on(registers).address, 0xffffffff);
    // Wrapping round 4 GiB.
    registers.fs_base = Guest::data;
    registers.gs_base = Guest::data - 4;
    expect("GS's base below its offset", guest.go_on(registers).registers.ecx, 0x100);
}

// Where a far transfer may arrive: in its own segment, or nowhere.
void expect_arrival(char const* statement, user::Trap32 const& trap, u32 selector, bool may, u32 from) {
    if (trap.registers.eip == from && refused_by_smap(trap.event, trap.error_code)) return;
    if (may) {
        expect(statement, trap.event, invalid_opcode, selector);
        expect("it arrives in 32-bit mode", trap.registers.eax, 0xffffffff, selector);
        expect("with its own code segment", trap.registers.ecx & 0xffff, abi::selector32::code, selector);
        return;
    }
    expect(statement, trap.event, general_protection, selector);
    expect(statement, trap.error_code, selector & 0xfffc, selector);
    expect(statement, trap.registers.eip, from, selector);
}

void test_far_transfers(Guest const& guest) {
    u32 const target = Guest::address_of(guest_target);
    guest.start(guest.at(guest_count));
    u32* const frame = reinterpret_cast<u32*>(supply().view(guest.stack_frame)) + 1024 - 16;
    for (u32 selector = 0; selector <= last_selector; selector += selector < 0x1010 ? 1 : 7) {
        guest.data_view[0] = target;
        guest.data_view[1] = selector;
        user::Registers32 registers = guest.at(guest_far_jump);
        registers.ebx = Guest::data;
        expect_arrival("a far jump", guest.go_on(registers), selector, is_code(selector), registers.eip);
        bool const in_detail = selector < 0x100 || (selector >= 0xfe0 && selector < 0x1010);
        if (!in_detail && selector % 16 != 0) continue;
        registers.eip = Guest::address_of(guest_far_call);
        expect_arrival("a far call", guest.go_on(registers), selector, is_code(selector), registers.eip);
        // Returns: outwards only, so that the selector's RPL must be 3.
        registers = guest.at(guest_far_return);
        registers.esp = Guest::stack_top - 64;
        frame[0] = target;
        frame[1] = selector;
        expect_arrival("a far return", guest.go_on(registers), selector, is_code(selector) && selector % 4 == 3, registers.eip);
        registers.eip = Guest::address_of(guest_interrupt_return);
        frame[2] = 0x202;
        frame[3] = Guest::stack_top;
        frame[4] = abi::selector32::data;
        expect_arrival("an interrupt return", guest.go_on(registers), selector, is_code(selector) && selector % 4 == 3, registers.eip);
    }
    // IRET with flags of the kernel's: they stay as they are. (VM is left out: docs/security.md, what the emulators do differently.)
    // With NT set in the processor: #GP.
    user::Registers32 registers = guest.at(guest_interrupt_return);
    registers.esp = Guest::stack_top - 64;
    frame[1] = abi::selector32::code;
    frame[2] = ~(1u << 8 | 1u << 14 | 1u << 16 | 1u << 17);
    auto const trap = guest.go_on(registers);
    if (refused_by_smap(trap.event, trap.error_code)) return;
    expect("an interrupt return with all flags", trap.event, invalid_opcode);
    expect("an interrupt return with all flags: IF, not IOPL, VM, VIF, VIP", trap.registers.eflags & 0x1a3202, 0x202);
    registers.eflags |= 1u << 14;
    expect_exception("an interrupt return with NT", guest.go_on(registers), general_protection, 0, registers.eip);
}

} // namespace

void test_segments() {
    group("segments");
    Guest const guest(supply());
    test_initial_selectors(guest);
    test_loads(guest);
    test_bases(guest);
    test_far_transfers(guest);
}

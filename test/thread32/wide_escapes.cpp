// SPDX-License-Identifier: Apache-2.0
// A wide thread has no way into another mode or into the kernel: all that it tries is a trap.
#include "test/thread32/tests.hpp"
#include "test/thread32/wide_routines.hpp"

namespace {

constexpr u8 breakpoint = 3, overflow = 4, invalid_opcode = 6, general_protection = 13;
constexpr u32 last_selector = 0xffff;

constexpr bool is_null(u32 selector) { return selector < 4; }
constexpr bool is_code(u32 selector) { return selector >> 2 == abi::selector32::wide_code >> 2; }
constexpr bool is_data(u32 selector) { return selector >> 2 == abi::selector32::data >> 2; }

void test_loads(Guest const& guest) {
    struct {
        void (*load)();
        bool stack;
    } const loads[] = {{wide_load_ds, false}, {wide_load_es, false}, {wide_load_fs, false}, {wide_load_gs, false}, {wide_load_ss, true}};
    for (auto const& [load, stack] : loads) {
        for (u32 selector = 0; selector <= last_selector; selector += selector < 0x100 || selector >= 0xf00 ? selector < 0x1100 ? 1 : 997 : 13) {
            user::Registers64 registers = guest.wide_at(load);
            registers.rax = selector;
            auto const trap = guest.go_on(registers);
            bool const loads_it = stack ? selector == abi::selector32::data : is_null(selector) || is_code(selector) || is_data(selector);
            if (loads_it) {
                expect("a segment that it may load", trap.event, invalid_opcode, selector);
                expect("the selector is there", trap.registers.rbx & 0xffff, selector, selector);
            } else {
                expect_exception("a segment that it may not load", trap, general_protection, selector & 0xfffc, registers.rip, selector);
            }
        }
    }
    auto const found = guest.go_on(guest.wide_at(wide_selectors)).registers;
    expect("cs", found.rax & 0xffff, abi::selector32::wide_code);
    for (u64 const selector : {found.rbx, found.rcx, found.rdx, found.rsi, found.rdi})
        expect("a flat data segment", selector & 0xffff, abi::selector32::data);
}

void expect_arrival(char const* statement, user::Trap64 const& trap, u32 selector, bool may, u64 from) {
    if (trap.registers.rip == from && refused_by_smap(trap.event, trap.error_code)) return;
    if (may) {
        expect(statement, trap.event, invalid_opcode, selector);
        expect("it arrives in 64-bit mode", trap.registers.rax, 0, selector);
        expect("with its own code segment", trap.registers.rcx & 0xffff, abi::selector32::wide_code, selector);
        return;
    }
    expect(statement, trap.event, general_protection, selector);
    expect(statement, trap.error_code, selector & 0xfffc, selector);
    expect(statement, trap.registers.rip, from, selector);
}

void test_far_transfers(Guest const& guest) {
    u32 const target = Guest::address_of(wide_target);
    u8* const stack = supply().view(guest.stack_frame) + page_size - 64;
    u64* const frame_64 = reinterpret_cast<u64*>(stack);
    u32* const frame_32 = reinterpret_cast<u32*>(stack);
    for (u32 selector = 0; selector <= last_selector; selector += selector < 0x80 || (selector >= 0xfc0 && selector < 0x1010) ? 1 : selector < 0xfc0 ? 8 : 509) {
        user::Registers64 registers = guest.wide_at(wide_far_jump);
        registers.rbx = Guest::data;
        guest.data_view[0] = target;
        guest.data_view[1] = selector;
        expect_arrival("a far jump", guest.go_on(registers), selector, is_code(selector), registers.rip);
        registers.rip = Guest::address_of(wide_far_call);
        expect_arrival("a far call", guest.go_on(registers), selector, is_code(selector), registers.rip);
        // AMD's processors read 32 bits of offset also here.
        guest.data_view[1] = guest.data_view[2] = selector;
        registers.rip = Guest::address_of(wide_far_jump_64);
        auto const trap = guest.go_on(registers);
        if (!is_code(selector)) expect_arrival("a far jump of 64 bits", trap, selector, false, registers.rip);
        // Returns: outwards only, so that the selector's RPL must be 3.
        bool const may = is_code(selector) && selector % 4 == 3;
        registers.rsp = Guest::stack_top - 64;
        u64 const long_frame[] = {target, selector, 0x202, Guest::stack_top, abi::selector32::data};
        for (unsigned i = 0; i < 5; ++i) frame_64[i] = long_frame[i];
        registers.rip = Guest::address_of(wide_far_return);
        expect_arrival("a far return", guest.go_on(registers), selector, may, registers.rip);
        registers.rip = Guest::address_of(wide_interrupt_return);
        expect_arrival("an interrupt return", guest.go_on(registers), selector, may, registers.rip);
        for (unsigned i = 0; i < 5; ++i) frame_32[i] = static_cast<u32>(long_frame[i]);
        registers.rip = Guest::address_of(wide_far_return_32);
        expect_arrival("a far return of 32 bits", guest.go_on(registers), selector, may, registers.rip);
        registers.rip = Guest::address_of(wide_interrupt_return_32);
        expect_arrival("an interrupt return of 32 bits", guest.go_on(registers), selector, may, registers.rip);
    }
}

void test_software_interrupts(Guest const& guest) {
    constexpr u32 software = abi::trap32::event_word::Software::mask;
    for (u32 vector = 0; vector < 256; ++vector) {
        auto const trap = guest.go_on(guest.wide_at_code({0xcd, static_cast<u8>(vector), 0x0f, 0x0b}));
        if (vector == breakpoint || vector == overflow || (vector >= 158 && vector != 255)) {
            expect_exception("INT n through an open gate", trap, software | vector, 0, Guest::code + 2, vector);
            continue;
        }
        expect("INT n through no open gate", trap.event, general_protection, vector);
        bool const names_it = trap.error_code == 8 * vector + 2 || trap.error_code == 16 * vector + 2;
        check("its error code names the gate", names_it, vector);
        expect("at the instruction", trap.registers.rip, Guest::code, vector);
    }
    expect_exception("INT3", guest.go_on(guest.wide_at_code({0xcc})), software | breakpoint, 0, Guest::code + 1);
}

// SYSCALL with what would be system calls: nothing of it happens.
void test_system_calls(Guest const& guest) {
    for (i64 number = -64; number <= 64; ++number) {
        user::Registers64 registers = guest.wide_at_code({0x0f, 0x05, 0x0f, 0x0b});
        registers.rdx = static_cast<u64>(number);
        registers.rdi = number % 2 ? guest.tcb.cptr : guest.faults.cptr;
        registers.rsi = user::Message::make(static_cast<u64>(abi::Label::tcb_suspend)).info.word;
        registers.rsp = number % 3 ? 0 : ~u64{0};
        registers.r10 = registers.r8 = 5;
        registers.r15 = ~u64{0};
        if (number % 4 == 0) registers.rflags |= 1u << 8; // with a single step over it, which some processors take in the kernel
        auto const trap = guest.go_on(registers);
        u64 const case_number = static_cast<u64>(number);
        expect_exception("SYSCALL", trap, abi::trap32::event_word::Syscall::mask, 0, Guest::code + 2, case_number);
        expect("SYSCALL: rcx", trap.registers.rcx, Guest::code + 2, case_number);
        expect("SYSCALL: r11", trap.registers.r11 & ~u64{1u << 16}, registers.rflags, case_number);
        expect("SYSCALL: rflags", trap.registers.rflags & ~u64{1u << 16}, registers.rflags, case_number);
        expect("SYSCALL: rdx", trap.registers.rdx, registers.rdx, case_number);
        expect("SYSCALL: rsp", trap.registers.rsp, registers.rsp, case_number);
        expect("SYSCALL: r15", trap.registers.r15, registers.r15, case_number);
        registers = trap.registers;
        registers.rflags = 0x202;
        expect_exception("behind it, it goes on", guest.go_on(registers), invalid_opcode, 0, Guest::code + 2, case_number);
    }
    // Without a handler that waits, and without one.
    user::Registers64 registers = guest.wide_at_code({0x0f, 0x05, 0x0f, 0x0b});
    must("a handler that is none", guest.tcb.set_space({0, own_cnode, 0, own_space}));
    must("set its priority", guest.tcb.set_priority(own_thread, abi::priorities - 1));
    must("start it", guest.tcb.write_wide_registers(user::context_of(registers), true));
    user::yield();
    expect("it stands behind SYSCALL", must("look at it", guest.tcb.read_registers(false)).rip, Guest::code + 2);
    must("a handler again", guest.tcb.set_space({guest.faults.cptr, own_cnode, 0, own_space}));
    must("resume it", guest.tcb.resume());
    expect("it goes on behind it", guest.wait_wide().event, invalid_opcode);
    expect("SYSENTER", guest.go_on(guest.wide_at_code({0x0f, 0x34})).registers.rip, Guest::code);
}

void test_privileged(Guest const& guest) {
    auto const refused = [&](char const* name, std::initializer_list<u8> code) {
        user::Registers64 registers = guest.wide_at_code(code);
        registers.rbx = Guest::data;
        registers.rdx = 0x3f8;
        auto const trap = guest.go_on(registers);
        check(name, trap.event == general_protection || trap.event == invalid_opcode, trap.event);
        expect(name, trap.error_code, 0);
        expect(name, trap.registers.rip, Guest::code);
    };
    refused("HLT", {0xf4});
    refused("CLI", {0xfa});
    refused("STI", {0xfb});
    refused("IN EAX, DX", {0xed});
    refused("OUT DX, EAX", {0xef});
    refused("INTO", {0xce});
    refused("a far jump with the address in it", {0xea, 0, 0, 2, 0, 0xf3, 0x0f});
    refused("PUSH CS", {0x0e});
    refused("RDFSBASE", {0xf3, 0x48, 0x0f, 0xae, 0xc0});
    refused("RDGSBASE", {0xf3, 0x48, 0x0f, 0xae, 0xc8});
    refused("WRFSBASE", {0xf3, 0x48, 0x0f, 0xae, 0xd0});
    refused("WRGSBASE", {0xf3, 0x48, 0x0f, 0xae, 0xd8});
    refused("SWAPGS", {0x0f, 0x01, 0xf8});
    refused("SYSRET", {0x0f, 0x07});
    refused("SYSRET", {0x48, 0x0f, 0x07});
    refused("SYSEXIT", {0x0f, 0x35});
    refused("RDMSR", {0x0f, 0x32});
    refused("WRMSR", {0x0f, 0x30});
    refused("MOV RAX, CR0", {0x0f, 0x20, 0xc0});
    refused("MOV CR3, RAX", {0x0f, 0x22, 0xd8});
    refused("MOV CR8, RAX", {0x44, 0x0f, 0x22, 0xc0});
    refused("MOV DR7, RAX", {0x0f, 0x23, 0xf8});
    refused("LGDT", {0x0f, 0x01, 0x13});
    refused("LIDT", {0x0f, 0x01, 0x1b});
    refused("LLDT", {0x0f, 0x00, 0xd0});
    refused("LTR", {0x0f, 0x00, 0xd8});
    refused("INVLPG", {0x0f, 0x01, 0x3b});
    refused("XSETBV", {0x0f, 0x01, 0xd1});
    refused("VMRUN", {0x0f, 0x01, 0xd8});
    refused("VMCALL", {0x0f, 0x01, 0xc1});
}

} // namespace

void test_wide_escapes() {
    group("wide: escapes");
    Guest const guest(supply());
    guest.start(guest.at(guest_count));
    test_loads(guest);
    test_far_transfers(guest);
    test_software_interrupts(guest);
    test_privileged(guest);
    test_system_calls(guest);
}

// SPDX-License-Identifier: Apache-2.0
// What a 32-bit thread cannot do by itself is told with its vector, its error code and its place.
#include "test/thread32/tests.hpp"

namespace {

constexpr u8 divide_error = 0, debug = 1, breakpoint = 3, overflow = 4, bound = 5, invalid_opcode = 6, general_protection = 13,
             page_fault = 14;
constexpr u32 software = abi::trap32::event_word::Software::mask;

void test_software_interrupts(Guest const& guest) {
    guest.start(guest.at(guest_count));
    for (u32 vector = 0; vector < 256; ++vector) {
        auto const trap = guest.go_on(guest.at_code({0xcd, static_cast<u8>(vector), 0x0f, 0x0b}));
        if (vector == breakpoint || vector == overflow || (vector >= 158 && vector != 255)) {
            expect_exception("INT n through an open gate", trap, software | vector, 0, Guest::code + 2, vector);
            continue;
        }
        expect("INT n through no open gate", trap.event, general_protection, vector);
        // QEMU's TCG makes 16 n + 2 of it, as in 64-bit mode.
        bool const names_it = trap.error_code == 8 * vector + 2 || trap.error_code == 16 * vector + 2;
        check("its error code names the gate", names_it, vector);
        expect("at the instruction", trap.registers.eip, Guest::code, vector);
    }
    expect_exception("INT3", guest.go_on(guest.at_code({0xcc})), software | breakpoint, 0, Guest::code + 1);
    user::Registers32 registers = guest.at_code({0xce, 0x0f, 0x0b});
    expect_exception("INTO without overflow", guest.go_on(registers), invalid_opcode, 0, Guest::code + 1);
    registers.eflags |= 1u << 11;
    expect_exception("INTO", guest.go_on(registers), software | overflow, 0, Guest::code + 1);
}

void test_system_calls(Guest const& guest) {
    user::Registers32 registers = guest.at_code({0x0f, 0x05, 0x0f, 0x0b});
    guest.start(guest.at(guest_count));
    // rdx would be the number of Call, rdi a capability: nothing of it happens.
    registers.edx = registers.ecx = 0xffffffff;
    registers.edi = abi::initial_slot::tcb;
    registers.esp = 0; // no stack
    for (int round = 0; round < 3; ++round) {
        auto const trap = guest.go_on(registers);
        if (trap.event == invalid_opcode) {
            expect("SYSCALL that is unknown: at the instruction", trap.registers.eip, Guest::code);
            expect("SYSCALL that is unknown: ecx", trap.registers.ecx, 0xffffffff);
        } else {
            expect("SYSCALL", trap.event, abi::trap32::event_word::Syscall::mask);
            expect("SYSCALL: behind the instruction", trap.registers.eip, Guest::code + 2);
            expect("SYSCALL: ecx", trap.registers.ecx, Guest::code + 2);
        }
        expect("SYSCALL: edx", trap.registers.edx, 0xffffffff);
        expect("SYSCALL: esp", trap.registers.esp, 0);
        expect("SYSCALL: eflags", trap.registers.eflags & ~(1u << 16 | 1u << 8), 0x202);
        registers.eflags |= 1u << 8; // and with a single step over it, which some processors take in the kernel
    }
    registers = guest.at_code({0x0f, 0x34, 0x0f, 0x0b});
    auto const trap = guest.go_on(registers);
    check("SYSENTER", trap.event == general_protection || trap.event == invalid_opcode);
    expect("SYSENTER: at the instruction", trap.registers.eip, Guest::code);
}

void test_privileged(Guest const& guest) {
    guest.start(guest.at(guest_count));
    auto const refused = [&](char const* name, std::initializer_list<u8> code) {
        user::Registers32 registers = guest.at_code(code);
        registers.ebx = Guest::data;
        registers.edx = 0x3f8;
        auto const trap = guest.go_on(registers);
        check(name, trap.event == general_protection || trap.event == invalid_opcode, trap.event);
        expect(name, trap.error_code, 0);
        expect(name, trap.registers.eip, Guest::code);
    };
    refused("HLT", {0xf4});
    refused("CLI", {0xfa});
    refused("STI", {0xfb});
    refused("IN AL, imm", {0xe4, 0x60});
    refused("IN EAX, DX", {0xed});
    refused("OUT imm, AL", {0xe6, 0x80});
    refused("OUT DX, EAX", {0xef});
    refused("INSB", {0x6c});
    refused("OUTSB", {0x6e});
    refused("CLTS", {0x0f, 0x06});
    refused("INVD", {0x0f, 0x08});
    refused("WBINVD", {0x0f, 0x09});
    refused("MOV EAX, CR0", {0x0f, 0x20, 0xc0});
    refused("MOV CR3, EAX", {0x0f, 0x22, 0xd8});
    refused("MOV CR8, EAX", {0xf0, 0x0f, 0x22, 0xc0});
    refused("MOV EAX, DR7", {0x0f, 0x21, 0xf8});
    refused("MOV DR7, EAX", {0x0f, 0x23, 0xf8});
    refused("RDMSR", {0x0f, 0x32});
    refused("WRMSR", {0x0f, 0x30});
    refused("LGDT", {0x0f, 0x01, 0x13});
    refused("LIDT", {0x0f, 0x01, 0x1b});
    refused("LLDT", {0x0f, 0x00, 0xd0});
    refused("LTR", {0x0f, 0x00, 0xd8});
    refused("LMSW", {0x0f, 0x01, 0xf0});
    refused("INVLPG", {0x0f, 0x01, 0x3b});
    refused("SWAPGS", {0x0f, 0x01, 0xf8});
    refused("SYSRET", {0x0f, 0x07});
    refused("SYSEXIT", {0x0f, 0x35});
    refused("RSM", {0x0f, 0xaa});
    refused("VMRUN", {0x0f, 0x01, 0xd8});
    refused("VMCALL", {0x0f, 0x01, 0xc1});
    refused("UD2", {0x0f, 0x0b});

    user::Registers32 registers = guest.at_code({0xf7, 0xf1}); // div ecx
    expect_exception("DIV", guest.go_on(registers), divide_error, 0, Guest::code);
    registers = guest.at_code({0x62, 0x03}); // bound eax, (ebx)
    registers.ebx = Guest::data;
    guest.data_view[0] = 1;
    guest.data_view[1] = 2;
    expect_exception("BOUND", guest.go_on(registers), bound, 0, Guest::code);
    registers = guest.at_code({0xa1, 0x00, 0x00, 0x05, 0x00}); // mov 0x50000, eax
    expect("A load", guest.go_on(registers).address, 0x50000);
}

void test_page_faults(Guest const& guest) {
    guest.start(guest.at(guest_count));
    auto const faults = [&](void (*access)(), u32 address, u32 error_code, bool at_address = false) {
        user::Registers32 registers = guest.at(access);
        registers.ebx = address;
        auto const trap = guest.go_on(registers);
        expect_exception("page fault", trap, page_fault, error_code, at_address ? address : registers.eip, address);
        expect("page fault: CR2", trap.address, address, address);
    };
    constexpr u32 present = 1, write = 2, user_mode = 4, fetch = 16;
    for (u32 const address : {0u, 4u, 0x7ffffffcu, 0x80000000u, 0xbffff000u, 0xc0000000u, 0xffc00000u, 0xfffffffcu}) {
        faults(guest_read, address, user_mode);
        faults(guest_write, address, user_mode | write);
        faults(guest_execute, address, user_mode | fetch, true);
    }
    faults(guest_write, Guest::routines, present | write | user_mode);
    faults(guest_execute, Guest::data, present | user_mode | fetch, true);
    guest.data_view[5] = 55;
    user::Registers32 registers = guest.at(guest_read);
    registers.ebx = Guest::data + 20;
    expect("what is there is read", guest.go_on(registers).registers.eax, 55);
}

void test_single_steps(Guest const& guest) {
    guest.start(guest.at(guest_count));
    user::Registers32 registers = guest.at(guest_steps);
    registers.eflags |= 1u << 8;
    for (u32 step = 1; step <= 3; ++step) {
        auto const trap = guest.go_on(registers);
        expect_exception("single step", trap, debug, 0, Guest::address_of(guest_steps) + step, step);
        expect("single step: TF is still set", trap.registers.eflags & 0x100, 0x100, step);
        registers = trap.registers;
    }
    expect("single steps: done", registers.eax + registers.ecx + registers.edx, 3);
    expect_exception("a fault comes before the step", guest.go_on(registers), invalid_opcode, 0, registers.eip);
}

} // namespace

void test_traps() {
    group("traps");
    Guest const guest(supply());
    test_software_interrupts(guest);
    test_system_calls(guest);
    test_privileged(guest);
    test_page_faults(guest);
    test_single_steps(guest);
}

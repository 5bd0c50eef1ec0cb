// SPDX-License-Identifier: Apache-2.0
// What a thread can get into RFLAGS, bit by bit, on every way there is. Interrupts stay on, IOPL stays 0.
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 always = 0x202;
constexpr u64 by_popf = 0x244cd5; // CF PF AF ZF SF DF OF NT AC ID: what user mode may change, less TF
constexpr u64 trap = 0x100;
constexpr u64 sane(u64 flags) { return ((flags | always) & ~u64{0x128}) & 0xfff; } // ABI 7.1.2

void test_popf(Child const& child, u64 flags) {
    auto fault = child.run(attack_popf, flags);
    if (flags == trap) {
        check("TF by POPF steps", fault.is_exception(1));
    } else {
        check("flags by POPF", fault.is_exception(6), flags);
        expect("flags by POPF", fault.registers.rax, (flags & by_popf) | always, flags);
    }
    fault = child.run(attack_popf_call, flags);
    expect("an unknown system call with those flags", fault.words[18], 1234, flags);
    expect("keeps them", fault.words[17], (flags & (by_popf | trap)) | always, flags);
}

void test_write_registers(Child const& child, u64 flags) {
    auto registers = child.at(Child::address_of(attack_flags));
    registers.rflags = flags;
    auto const fault = child.run(registers);
    check("flags by WriteRegisters", fault.is_exception(6), flags);
    expect("flags by WriteRegisters", fault.registers.rax, sane(flags), flags);
}

void test_answers(Child const& child, u64 flags) {
    u64 const rip = Child::address_of(attack_flags);
    child.run(attack_end);
    auto fault = child.answer(0, {rip, Child::stack_top, flags});
    check("flags by the answer to an exception", fault.is_exception(6), flags);
    expect("flags by the answer to an exception", fault.registers.rax, sane(flags), flags);
    child.run(attack_popf_call, 2);
    fault = child.answer(0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, rip, Child::stack_top, flags});
    check("flags by the answer to a system call", fault.is_exception(6), flags);
    expect("flags by the answer to a system call", fault.registers.rax, sane(flags), flags);
}

} // namespace

void test_flags() {
    group("flags");
    Child const child(supply());
    for (unsigned bit = 0; bit < 64; ++bit) {
        u64 const flags = u64{1} << bit;
        test_popf(child, flags);
        test_write_registers(child, flags);
        test_answers(child, flags);
    }
    for (u64 const flags : {u64{0}, ~u64{trap}, u64{0x3000}, u64{0x3f7e00}}) {
        test_write_registers(child, flags);
        test_answers(child, flags);
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "test/isolation/tests.hpp"

namespace {

constexpr u64 first_system_call = 158, last_system_call = 254; // ABI 4.7

void test_every_vector(Child const& child) {
    constexpr u64 rax = 0xffffffff01234567;
    for (u64 vector = 0; vector < 256; ++vector) {
        child.set_code({0xcd, static_cast<u8>(vector), 0x0f, 0x0b}); // INT vector; UD2
        auto registers = child.at(Child::code);
        registers.rax = rax;
        auto const fault = child.run(registers);
        expect("rax of INT n", fault.registers.rax, rax, vector);
        if (vector == 3 || vector == 4) {
            check("INT n is the trap of that number", fault.is_exception(vector), vector);
            expect("a trap is behind its instruction", fault.at(), Child::code + 2, vector);
        } else if (vector >= first_system_call && vector <= last_system_call) {
            expect("INT n is an unknown system call", fault.label, static_cast<u64>(abi::FaultLabel::unknown_syscall), vector);
            u64 const number = static_cast<u64>(static_cast<i64>(static_cast<std::int32_t>(vector << 24 | 0x234567)));
            expect("the number of INT n", fault.words[18], number, vector);
            expect("FaultIP of INT n", fault.words[15], Child::code, vector);
        } else if (vector == 255) {
            check("INT 255 is nothing", fault.is_exception(6), vector);
            expect("and goes on", fault.at(), Child::code + 2);
        } else {
            // QEMU 7.2 computes the error code of 64-bit mode with 16 instead of 8.
            check("INT n is refused", fault.is_exception(13, vector * 8 + 2) || fault.is_exception(13, vector * 16 + 2), vector);
            expect("a fault is at its instruction", fault.at(), Child::code, vector);
        }
    }
}

// A thread of the same priority that counts: so that there are timer ticks, and as many as wanted have passed.
void test_ticks(Child const& child) {
    Child const counter(supply());
    auto volatile* const count = reinterpret_cast<u64 volatile*>(counter.data_view);
    counter.set_code({0x48, 0xff, 0x07, 0xeb, 0xfb}); // incq (%rdi); jmp back
    auto registers = counter.at(Child::code);
    registers.rdi = Child::data;
    counter.start(registers);

    auto const spin = [&](char const* statement, u64 stack, u64 flags) {
        u64 const before = *count;
        registers = child.at(Child::address_of(attack_spin_no_stack));
        registers.rdi = stack;
        u64 rounds = 0;
        do { // until the other one had its turn: at least two ticks came in between
            registers.rcx = 10'000'000;
            registers.rflags = flags;
            auto const fault = child.run(registers);
            check(statement, fault.is_exception(6), stack);
            expect("the stack pointer after many ticks", fault.words[1], stack, stack);
            expect("the flags after many ticks", fault.words[2] & 0xe02, (flags & 0x400) | 0x202, flags); // the loop itself clears OF
        } while (*count == before && ++rounds < 100);
        check("the other thread had its turn", *count != before);
    };
    for (u64 const stack : {u64{0}, u64{1}, u64{0x7fffffffffff}, u64{0x800000000000}, u64{1} << 63, ~u64{0}, 0xffffffff80106000})
        spin("a spinning thread with an odd stack", stack, 0x202);
    for (unsigned bit = 0; bit < 22; ++bit)
        spin("a spinning thread with odd flags", Child::stack_top, u64{1} << bit);
    must("stop the counter", counter.tcb.suspend());
}

} // namespace

void test_interrupts() {
    group("interrupts");
    Child const child(supply());
    test_every_vector(child);
    test_ticks(child);
}

// SPDX-License-Identifier: Apache-2.0
#include "test/isolation/attacks.hpp"
#include "test/thread32/tests.hpp"

namespace {

constexpr u8 invalid_opcode = 6;
constexpr user::Registers32 pattern{.eip = 0, .esp = 0x40ff0, .eflags = 0x203, .eax = 0xa0000001, .ecx = 0xc0000002, .edx = 0xd0000003,
                                    .ebx = 0xb0000004, .ebp = 0xe0000005, .esi = 0x10000006, .edi = 0xffffffff, .fs_base = 0x1234,
                                    .gs_base = 0xfffff000};

user::Registers32 counted(user::Registers32 registers) {
    for (u32* const each : {&registers.eax, &registers.ecx, &registers.edx, &registers.ebx, &registers.ebp, &registers.esi, &registers.edi})
        ++*each;
    registers.eip += 7; // one byte each
    return registers;
}

void expect_registers(char const* statement, user::Registers32 const& found, user::Registers32 const& wanted) {
    expect(statement, found.eip, wanted.eip);
    expect(statement, found.esp, wanted.esp);
    expect(statement, found.eax, wanted.eax);
    expect(statement, found.ecx, wanted.ecx);
    expect(statement, found.edx, wanted.edx);
    expect(statement, found.ebx, wanted.ebx);
    expect(statement, found.ebp, wanted.ebp);
    expect(statement, found.esi, wanted.esi);
    expect(statement, found.edi, wanted.edi);
    expect(statement, found.fs_base, wanted.fs_base);
    expect(statement, found.gs_base, wanted.gs_base);
}

void test_messages(Guest const& guest) {
    user::Registers32 registers = pattern;
    registers.eip = Guest::address_of(guest_count);
    user::Trap32 trap = guest.start(registers);
    expect_exception("started", trap, invalid_opcode, 0, registers.eip + 7);
    expect_registers("started", trap.registers, counted(registers));
    for (u32 round = 0; round < 100; ++round) {
        registers.eax += round * 0x1111111;
        registers.edi ^= registers.eax;
        registers.fs_base += 3;
        trap = guest.go_on(registers);
        expect_registers("answered", trap.registers, counted(registers));
    }
    auto const context = must("read its registers", guest.tcb.read_registers(false));
    expect("ReadRegisters", context.rax, counted(registers).eax);
    expect("ReadRegisters", context.rip, counted(registers).eip);

    registers = guest.at(guest_stack);
    registers.eax = 77;
    trap = guest.go_on(registers);
    expect("it has a stack", trap.registers.ecx, 0x12345678);
    expect("of 32-bit words", trap.registers.ebx, Guest::stack_top - 8);
    expect("it stands on the stack", trap.registers.esp, Guest::stack_top - 8);
    expect("and in memory", guest.go_on({.eip = Guest::address_of(guest_read), .ebx = Guest::stack_top - 4}).registers.eax, 77);
}

// Flags given by answers and by POPF.
void test_flags(Guest const& guest) {
    constexpr u32 visible = 0xfd5;               // what CF to OF are, without IF and TF
    constexpr u32 forced = 0x202;
    constexpr u32 kernel = 3u << 12 | 1u << 17 | 1u << 19 | 1u << 20; // IOPL, VM, VIF, VIP
    user::Registers32 registers = guest.at(guest_stack);
    registers.eflags = ~(1u << 8);
    user::Trap32 trap = guest.start(guest.at(guest_stack));
    trap = guest.go_on(registers);
    expect("flags by answer: none of the kernel's", trap.registers.edx & kernel, 0);
    expect("flags by answer: the thread's", trap.registers.edx & visible & ~0x300u, visible & ~0x300u);
    expect("flags by answer: IF", trap.registers.edx & forced, forced);
    registers.eflags = 0;
    expect("flags by answer: always set", guest.go_on(registers).registers.edx & 0xfff, forced);
    for (unsigned bit = 0; bit < 32; ++bit) {
        if (bit == 8) continue;
        registers = guest.at(guest_popf);
        registers.eax = 1u << bit;
        trap = guest.go_on(registers);
        expect("flags by POPF: none of the kernel's", trap.registers.eax & (kernel | forced), forced, bit);
        expect_exception("flags by POPF", trap, invalid_opcode, 0, trap.registers.eip, bit);
    }
}

// Words that no processor should see.
void test_hostile_answers(Guest const& guest) {
    constexpr u64 high = 0xdeadbeef00000000;
    user::Registers32 const plain = guest.at(guest_count);
    auto const raw = [&](u64 length, u64 eip, u64 esp, u64 eflags, u64 rest) {
        for (unsigned i = 4; i < 120; ++i) user::ipc_buffer().message[i] = rest;
        return user::Message::make(0, length, ~abi::trap32_reply::Wide::mask, eip, esp, eflags);
    };
    guest.start(plain);
    auto trap = guest.answer(raw(13, high | plain.eip, high | plain.esp, high | 0x202, high | 5));
    expect_exception("upper halves", trap, invalid_opcode, 0, plain.eip + 7);
    expect("upper halves", trap.registers.eax, 6);
    expect("upper halves", trap.registers.esp, plain.esp);
    for (u64 const length : {u64{13}, u64{14}, u64{120}, u64{127}}) {
        trap = guest.answer(raw(length, plain.eip, ~u64{0}, ~u64{0x100}, 0x8000000000000000));
        expect_exception("long answers", trap, invalid_opcode, 0, plain.eip + 7, length);
        expect("long answers", trap.registers.esp, 0xffffffff, length);
    }
    guest.go_on(plain);
    for (u64 length = 0; length < 13; ++length) { // it stands at UD2 unless eip comes along
        trap = guest.answer(raw(length, plain.eip + 6, plain.esp, 0x202, 41));
        expect_exception("short answers", trap, invalid_opcode, 0, plain.eip + 7, length);
        expect("short answers: edi", trap.registers.edi, length > 10 ? 42 : length < 2 ? trap.registers.edi : trap.registers.edi, length);
    }
    for (u64 const address : {u64{0xffffffff}, u64{0xfffffffe}, u64{0x80000000}, u64{0}, u64{0x7fffffffffff}, u64{0xffffffff80100000}}) {
        trap = guest.answer(raw(13, address, address, 0x202, address));
        expect("nothing there: page fault", trap.event, 14, address);
        expect("nothing there: address", trap.address, static_cast<u32>(address), address);
        expect("nothing there: eip", trap.registers.eip, static_cast<u32>(address), address);
    }
    // By WriteRegisters the same.
    for (u64 const value : {~u64{0}, u64{1} << 63, u64{0x0000800000000000}, u64{0xdeadbeef00010000}}) {
        abi::UserContext context = user::context_of(plain);
        context.rip |= value & 0xffffffff00000000;
        context.rsp = context.rflags = context.fs_base = context.gs_base = context.r8 = context.r15 = value;
        must("write registers", guest.tcb.write_registers(context, true));
        trap = guest.wait();
        expect("WriteRegisters: still in 32-bit mode", trap.event == invalid_opcode || trap.event == 14, true, value);
        expect("WriteRegisters: esp", trap.registers.esp, static_cast<u32>(value), value);
    }
    trap = guest.go_on(plain);
    expect("it still runs", trap.registers.eax, 1);
    user::reply(user::Message::make(1)); // a label stops it
    expect("a stopped thread sends nothing", guest.faults.receive_if_waiting().badge, 0);
    must("resume it", guest.tcb.resume());
    expect_exception("resumed, where it stood", guest.wait(), invalid_opcode, 0, plain.eip + 7);
}

void test_flag(Guest const& guest) {
    constexpr u64 bit = abi::thread_flag::compatibility;
    expect("not for itself", code_of(own_thread.set_flags(0, bit)), static_cast<u64>(abi::Error::illegal_operation));
    expect("its other flags", must("read the flags", own_thread.set_flags(0, 0)), 0);
    guest.start(guest.at(guest_count));
    expect("set twice: nothing happens", must("set it", guest.tcb.set_flags(0, bit)), bit);
    expect("it waits as before", guest.go_on(guest.at(guest_count)).registers.eax, 1);
    // In 64-bit mode, in the address space of this program.
    expect("cleared", must("clear it", guest.tcb.set_flags(bit, 0)), 0);
    expect("stopped", guest.faults.receive_if_waiting().badge, 0);
    abi::UserContext context{};
    context.rip = reinterpret_cast<u64>(&attack_read_fs);
    context.fs_base = reinterpret_cast<u64>(user::ipc_buffer().message);
    user::ipc_buffer().message[0] = 0x5a;
    must("start it in 64-bit mode", guest.tcb.write_registers(context, true)); // which writes to the buffer
    user::ipc_buffer().message[0] = 0x5a;
    auto const message = guest.faults.receive();
    expect("in 64-bit mode its faults are as any thread's", message.info.label(),
           static_cast<u64>(abi::FaultLabel::user_exception));
    expect("of its instruction", message.words[3], invalid_opcode);
    expect("with a base above 4 GiB", must("read its registers", guest.tcb.read_registers(false)).rax & 0xff, 0x5a);
    expect("set again", must("set it", guest.tcb.set_flags(0, bit)), bit);
    expect("and it runs", guest.start(guest.at(guest_count)).registers.eax, 1);
}

} // namespace

void test_registers() {
    group("registers");
    Guest const guest(supply());
    test_messages(guest);
    test_flags(guest);
    test_hostile_answers(guest);
    test_flag(guest);
}

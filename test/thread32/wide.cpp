// SPDX-License-Identifier: Apache-2.0
// Wide threads: all of their registers come and go with the messages, and no answer breaks anything.
#include "test/isolation/attacks.hpp"
#include "test/isolation/child.hpp"
#include "test/thread32/tests.hpp"
#include "test/thread32/wide_routines.hpp"

namespace {

constexpr u8 debug = 1, invalid_opcode = 6, general_protection = 13, page_fault = 14;
constexpr u32 count_bytes = 15 * 3; // of wide_count, without its end
constexpr u64 high = 0xa5a5'0000'0000'0000;

user::Registers64 pattern(u64 rip) {
    return {.rip = rip,          .rsp = high | 20,    .rflags = 0x203,     .rax = high | 1,   .rcx = high | 2,  .rdx = high | 3,
            .rbx = high | 4,     .rbp = high | 5,     .rsi = high | 6,     .rdi = high | 7,   .fs_base = 1,     .gs_base = 0xffff'8000'0000'1000,
            .r8 = high | 8,      .r9 = high | 9,      .r10 = high | 10,    .r11 = high | 11,  .r12 = high | 12, .r13 = high | 13,
            .r14 = high | 14,    .r15 = ~u64{0}};
}
user::Registers64 counted(user::Registers64 registers) {
    for (u64* const each : {&registers.rax, &registers.rcx, &registers.rdx, &registers.rbx, &registers.rbp, &registers.rsi, &registers.rdi,
                            &registers.r8, &registers.r9, &registers.r10, &registers.r11, &registers.r12, &registers.r13, &registers.r14,
                            &registers.r15})
        ++*each;
    registers.rip += count_bytes;
    return registers;
}

void test_messages(Guest const& guest) {
    guest.start(guest.at(guest_count));
    user::Registers64 registers = pattern(Guest::address_of(wide_count));
    for (u64 round = 0; round < 100; ++round) {
        registers.rax += round * 0x1111'1111'1111;
        registers.r12 ^= registers.rax;
        registers.fs_base += 0x100'0000'0001;
        user::Trap64 trap = guest.go_on(registers);
        trap.registers.rflags = registers.rflags; // the processor's RF
        expect_exception("answered", trap, invalid_opcode, 0, registers.rip + count_bytes, round);
        check("every register is what it was, and one more", trap.registers == counted(registers), round);
        if (round % 3 == 1) { // in between in 32-bit mode
            user::Registers32 const narrow{.eip = Guest::address_of(guest_count), .esp = 0x1234, .eax = 0xffff'ffff, .fs_base = 5};
            auto const other = guest.go_on(narrow).registers;
            expect("in 32-bit mode: eax", other.eax, 0, round);
            expect("in 32-bit mode: esp", other.esp, narrow.esp, round);
        }
    }
    auto const context = must("read its registers", guest.tcb.read_registers(false));
    expect("ReadRegisters", context.r15, 0);
    expect("ReadRegisters", context.rsp, registers.rsp);
    // By WriteRegisters, in both modes.
    auto const values = pattern(Guest::address_of(wide_count));
    must("start it wide", guest.tcb.write_wide_registers(user::context_of(values), true));
    user::Trap64 trap = guest.wait_wide();
    trap.registers.rflags = values.rflags;
    check("started wide", trap.registers == counted(values));
    expect("started in 32-bit mode", guest.start(guest.at(guest_count)).registers.eax, 1);
}

void test_flags(Guest const& guest) {
    constexpr u64 visible = 0xfd5, forced = 0x202;
    constexpr u64 kernel = 3u << 12 | 1u << 17 | 1u << 19 | 1u << 20; // IOPL, VM, VIF, VIP
    user::Registers64 registers = guest.wide_at(wide_flags);
    guest.start(guest.at(guest_count));
    registers.rflags = ~u64{1u << 8};
    user::Trap64 trap = guest.go_on(registers);
    expect("flags by answer: none of the kernel's", trap.registers.rdx & kernel, 0);
    expect("flags by answer: the thread's", trap.registers.rdx & visible & ~u64{0x300}, visible & ~u64{0x300});
    expect("flags by answer: IF", trap.registers.rdx & forced, forced);
    expect("its stack has 64-bit words", trap.registers.rbx, Guest::stack_top);
    for (unsigned bit = 0; bit < 64; ++bit) {
        if (bit == 8) continue;
        registers = guest.wide_at(wide_popf);
        registers.rax = u64{1} << bit;
        trap = guest.go_on(registers);
        if (bit >= 32 && trap.event == general_protection) continue; // POPF of reserved bits
        expect("flags by POPF: none of the kernel's", trap.registers.rax & (kernel | forced), forced, bit);
        expect("flags by POPF", trap.event, invalid_opcode, bit);
    }
    registers = guest.wide_at(wide_steps);
    registers.rflags |= 1u << 8;
    for (u32 step = 1; step <= 3; ++step) {
        trap = guest.go_on(registers);
        expect_exception("single step", trap, debug, 0, Guest::address_of(wide_steps) + 2 * step, step);
        registers = trap.registers;
    }
}

// Words that no processor should see.
void test_hostile_answers(Guest const& guest) {
    namespace at = abi::trap32_reply;
    constexpr u64 wide = at::SharedRootVisible::mask | at::Wide::mask;
    auto const raw = [&](u64 flags, u64 length, u64 rip, u64 rsp, u64 rflags, u64 rest) {
        for (unsigned i = 4; i < 120; ++i) user::ipc_buffer().message[i] = rest;
        return user::Message::make(0, length, flags, rip, rsp, rflags);
    };
    u64 const count = Guest::address_of(wide_count);
    guest.start(guest.at(guest_count));
    for (u64 const flags : {wide, ~u64{0}})
        for (u64 const length : {u64{21}, u64{22}, u64{120}, u64{127}})
            for (u64 const odd : {~u64{0}, u64{1} << 63, u64{1} << 47, u64{0xdead'beef'dead'beef}, u64{0x7fff'ffff'ffff}}) {
                auto const trap = guest.answer_wide(raw(flags, length, count, odd, ~u64{0x100}, odd));
                expect_exception("odd words", trap, invalid_opcode, 0, count + count_bytes, odd);
                expect("odd words: rsp", trap.registers.rsp, odd, odd);
                expect("odd words: r15", trap.registers.r15, odd + 1, odd);
                bool const canonical = static_cast<u64>(static_cast<i64>(odd << 16) >> 16) == odd;
                expect("odd words: a base", trap.registers.gs_base, canonical ? odd : 0, odd);
            }
    guest.go_on(guest.wide_at(wide_count));
    for (u64 length = 0; length < 21; ++length) { // it stands at UD2 unless rip comes along
        auto const trap = guest.answer_wide(raw(wide, length, count + count_bytes - 3, high, 0x202, 41));
        expect_exception("short answers", trap, invalid_opcode, 0, count + count_bytes, length);
    }
    // Where it cannot go on: no fault of the kernel's.
    for (u64 const address : {u64{1} << 47, ~u64{0} >> 16, (u64{1} << 47) - 1, u64{1} << 63, u64{0xffff'7fff'ffff'ffff}, ~u64{0}, u64{0xffff'ffff'8010'0000},
                              u64{0xdead'beef'0001'0000}, u64{1} << 32, u64{1} << 40}) {
        auto const trap = guest.answer_wide(raw(wide, 21, address, address, ~u64{0x100}, address));
        bool const canonical = static_cast<u64>(static_cast<i64>(address << 16) >> 16) == address;
        expect("nothing there: page fault", trap.event, page_fault, address);
        expect("nothing there: address", trap.address, canonical ? address : 0, address);
        expect("nothing there: rip", trap.registers.rip, canonical ? address : 0, address);
        expect("nothing there: rsp", trap.registers.rsp, address, address);
        // And by WriteRegisters.
        auto context = user::context_of(guest.wide_at(address));
        context.rsp = context.fs_base = context.gs_base = context.rflags = address;
        must("write registers", guest.tcb.write_wide_registers(context, true));
        expect("WriteRegisters: page fault", guest.wait_wide().event, page_fault, address);
    }
    // It goes there by itself, and is told to go on from where it stands.
    for (u64 const address : {u64{1} << 47, u64{1} << 63, u64{0xffff'7fff'ffff'ffff}}) {
        user::Registers64 registers = guest.wide_at(wide_execute);
        registers.rbx = address;
        for (int round = 0; round < 2; ++round) {
            auto const trap = round == 0 ? guest.go_on(registers) : guest.answer_wide(user::Message::make(0, 0));
            expect("a jump to no address", trap.event, general_protection, address);
            check("a jump to no address: where", trap.registers.rip == address || trap.registers.rip == registers.rip, address);
        }
        registers = guest.wide_at(wide_push);
        registers.rsp = address + 8;
        auto const trap = guest.go_on(registers);
        check("a stack at no address", trap.event == general_protection || trap.event == 12, trap.event);
        registers = guest.wide_at(wide_read);
        registers.rbx = address;
        expect_exception("a read from no address", guest.go_on(registers), general_protection, 0, registers.rip, address);
    }
    Random random(64);
    for (u64 round = 0; round < 3000; ++round) { // nothing is known of what comes, but that something does
        auto const odd = [&] { return random.next() >> random.below(64) << random.below(64); };
        u64 const length = random.below(24), rip = random.below(2) ? odd() : count + random.below(count_bytes);
        user::Message const message = raw(odd(), length, rip, odd(), odd(), odd());
        auto const trap = guest.faults.reply_receive(message);
        check("a trap", user::is_trap32(trap) || user::is_trap64(trap), round);
    }
    expect("it still runs", guest.go_on(guest.wide_at(wide_count)).registers.r9, 1);
    user::reply(user::Message::make(1, 1, wide)); // a label stops it
    expect("a stopped thread sends nothing", guest.faults.receive_if_waiting().badge, 0);
    must("resume it", guest.tcb.resume());
    expect_exception("resumed, where it stood", guest.wait_wide(), invalid_opcode, 0, count + count_bytes);
}

// Beside a 32-bit thread and two of 64 bits, all of one priority.
void test_preemption() {
    Guest const wide(supply()), narrow(supply());
    Child const child(supply()), counting(supply());
    constexpr u64 sum = 0x123'4567'89ab'cdef;
    user::Registers64 registers = pattern(Guest::address_of(wide_spin));
    registers.rbx = Guest::data;
    registers.r8 = 77;
    registers.r9 = sum - 77;
    wide.data_view[0] = narrow.data_view[0] = 0;
    must("start it wide", wide.tcb.write_wide_registers(user::context_of(registers), true));
    user::Registers32 other = narrow.at(guest_spin);
    other.ebx = Guest::data;
    narrow.start_alone(other);
    counting.start(counting.at(Child::address_of(attack_spin_for_ever)));
    for (int round = 0; round < 3; ++round) {
        abi::UserContext context = child.at(Child::address_of(attack_spin));
        context.rcx = 20'000'000;
        context.r8 = context.r15 = ~u64{0} / 3;
        u32 const before[] = {wide.data_view[0], narrow.data_view[0]};
        auto const end = child.run(context);
        check("a 64-bit thread ends", end.is_exception(invalid_opcode));
        expect("with its registers", end.registers.r8, context.r8);
        expect("with its registers", end.registers.r15, context.r15);
        check("the wide thread got on meanwhile", wide.data_view[0] != before[0]);
        check("the 32-bit one, too", narrow.data_view[0] != before[1]);
    }
    auto const found = must("stop it", wide.tcb.read_registers(true));
    check("no step was lost", found.r8 + found.r9 == sum || found.r8 + found.r9 == sum + 1);
    for (u64 const each : {found.rax ^ 1, found.r10 ^ 10, found.r14 ^ 14}) expect("its other registers are what they were", each, high);
    expect("r15", found.r15, ~u64{0});
    must("stop it", narrow.tcb.suspend());
    must("stop it", counting.tcb.suspend());
}

} // namespace

void test_wide() {
    group("wide");
    Guest const guest(supply());
    test_messages(guest);
    test_flags(guest);
    test_hostile_answers(guest);
    test_preemption();
}

// SPDX-License-Identifier: Apache-2.0
// 32-bit threads beside each other and beside 64-bit ones: what each has is its own.
#include "test/isolation/attacks.hpp"
#include "test/isolation/child.hpp"
#include "test/thread32/tests.hpp"

namespace {

constexpr u8 no_device = 7, invalid_opcode = 6;

void test_fpu() {
    Guest const one(supply()), other(supply());
    Guest const* const guests[] = {&one, &other};
    for (u32 i = 0; i < 2; ++i) {
        guests[i]->data_view[0] = 1000 + i;
        user::Registers32 registers = guests[i]->at(guest_load_fpu);
        registers.ebx = Guest::data;
        expect("it has an FPU", guests[i]->start(registers).event, invalid_opcode);
    }
    for (u32 round = 0; round < 4; ++round) {
        u64 mine = 77; // this program's
        asm volatile("movq %0, %%xmm0" : : "r"(mine));
        Guest const& guest = *guests[round % 2];
        user::Registers32 registers = guest.at(guest_store_fpu);
        registers.ebx = Guest::data + 4;
        auto const trap = guest.start(registers); // its answer went away when the other's trap was received
        expect("xmm0 is its own", trap.registers.eax, 1000 + round % 2);
        expect("st(0) is its own", guest.data_view[1], 1000 + round % 2);
    }
    constexpr u64 flag = abi::thread_flag::fpu_disabled;
    expect("both flags", must("take the FPU", one.tcb.set_flags(0, flag)), flag | abi::thread_flag::compatibility);
    user::Registers32 registers = one.at(guest_store_fpu);
    registers.ebx = Guest::data;
    expect_exception("without an FPU", one.start(registers), no_device, 0, registers.eip);
    expect("one flag", must("give it back", one.tcb.set_flags(flag, 0)), abi::thread_flag::compatibility);
    expect("with it again", one.go_on(registers).registers.eax, 1000);
}

// Two of them and two 64-bit threads, all of one priority: the tick goes round, through every pair of modes.
void test_preemption() {
    Guest const one(supply()), other(supply());
    Child const child(supply()), counting(supply());
    for (Guest const* const guest : {&one, &other}) {
        guest->data_view[0] = 0;
        user::Registers32 registers = guest->at(guest_spin);
        registers.ebx = Guest::data;
        registers.esi = guest == &one ? 100 : 5000;
        registers.edi = 0x80000000;
        registers.ebp = 0x12345678;
        guest->start_alone(registers);
    }
    counting.start(counting.at(Child::address_of(attack_spin_for_ever)));
    for (int round = 0; round < 3; ++round) {
        abi::UserContext registers = child.at(Child::address_of(attack_spin));
        registers.rcx = 20'000'000;
        registers.rbx = 0xb00b0000b00b;
        registers.fs_base = Child::data;
        registers.r8 = registers.r15 = ~u64{0} / 3;
        u32 const before[] = {one.data_view[0], other.data_view[0]};
        auto const end = child.run(registers);
        check("a 64-bit thread ends", end.is_exception(invalid_opcode));
        expect("with its registers", end.registers.rbx, registers.rbx);
        expect("with its registers", end.registers.r8, registers.r8);
        expect("with its registers", end.registers.r15, registers.r15);
        expect("with its stack", end.registers.rsp, registers.rsp);
        check("one 32-bit thread got on meanwhile", one.data_view[0] != before[0]);
        check("the other, too", other.data_view[0] != before[1]);
        expect("a 64-bit thread's selectors are null", child.run(attack_selectors).registers.rax, 0);
    }
    for (Guest const* const guest : {&one, &other}) {
        auto const registers = must("stop it", guest->tcb.read_registers(true));
        u64 const sum = (guest == &one ? 100 : 5000) + u64{0x80000000};
        u64 const steps = (registers.rsi + registers.rdi) & 0xffffffff;
        check("no step was lost", steps == sum || steps == sum + 1);
        expect("its other registers are what they were", registers.rbp, 0x12345678);
        expect("it faults no more", guest->faults.receive_if_waiting().badge, 0);
    }
    must("stop the other one", counting.tcb.suspend());
}

// A tick that leads back to the same thread leaves its segments as it has set them.
void test_kept_segments() {
    Guest const guest(supply());
    user::Registers32 registers = guest.at(guest_spin_segments);
    registers.ecx = 30'000'000;
    auto const trap = guest.start(registers);
    expect("it came to its end", trap.registers.ecx, 0);
    expect("ds is null", trap.registers.eax & 0xffff, 0);
    expect("es is its code segment", trap.registers.edx & 0xffff, abi::selector32::code);
    // After the trap they are flat data again.
    auto const found = guest.go_on(guest.at(guest_selectors)).registers;
    expect("ds", found.ecx & 0xffff, abi::selector32::data);
    expect("es", found.edx & 0xffff, abi::selector32::data);
}

void test_without_handler() {
    Guest const guest(supply());
    must("set its priority", guest.tcb.set_priority(own_thread, 1));
    must("a handler that is none", guest.tcb.set_space({0, own_cnode, 0, own_space}));
    guest.start_alone(guest.at(guest_count));
    // When a thread of lower priority has run, it has had its turn.
    Child const child(supply());
    child.run(attack_end);
    expect("it stands at its fault", must("look at it", guest.tcb.read_registers(false)).rip, Guest::address_of(guest_count) + 7);
    must("a handler again", guest.tcb.set_space({guest.faults.cptr, own_cnode, 0, own_space}));
    must("resume it", guest.tcb.resume());
    expect("it faults again", guest.wait().event, invalid_opcode);
    // Its endpoint goes away under it: the message is cancelled, and it goes on where it stood.
    auto const other = supply().make<user::Endpoint>();
    must("another handler", guest.tcb.set_space({other.cptr, own_cnode, 0, own_space}));
    guest.start_alone(guest.at(guest_count));
    child.run(attack_end);
    must("delete the endpoint", own_cnode.remove(other.cptr));
    child.run(attack_end);
    must("the first handler", guest.tcb.set_space({guest.faults.cptr, own_cnode, 0, own_space}));
    must("resume it", guest.tcb.resume());
    expect("it still runs", guest.wait().event, invalid_opcode);
    must("suspend it while it waits for an answer", guest.tcb.suspend());
    user::reply(user::trap32_reply(guest.at(guest_count)));
    expect("nobody is there to be answered", must("look at it", guest.tcb.read_registers(false)).rip, Guest::address_of(guest_count) + 7);
    expect("started anew", guest.start(guest.at(guest_count)).registers.eax, 1);
    must("delete it", own_cnode.remove(guest.tcb.cptr));
    user::reply(user::trap32_reply(guest.at(guest_count)));
}

} // namespace

void test_threads() {
    group("threads");
    test_fpu();
    test_preemption();
    test_kept_segments();
    test_without_handler();
}

// SPDX-License-Identifier: Apache-2.0
#include "test/vcpu/tests.hpp"

using vmx::ExitReason;
using vmx::Field;

namespace {

constexpr u64 interrupt(u8 vector) { return vmx::interruption::Valid::mask | vector; }
constexpr u64 exception(u8 vector, bool error_code) {
    return vmx::interruption::Valid::mask |
           vmx::interruption::Type::make(vmx::interruption::type_exception) |
           vmx::interruption::HasErrorCode::make(error_code) | vector;
}

void test_injection() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::interrupts());
    bench.handle(0x31, guest::handler());
    bench.write_registers({});
    Stop at = bench.run();
    Stop refused = enter(at.rip() + 3, 0, interrupt(0x31));
    expect("injection: with interrupts off it is a failed entry", refused.reason(), ~u64{0});
    expect("injection: the qualification says so too", refused.qualification(), ~u64{0});
    at = enter(at.rip() + 3, window_exiting, 0);
    expect("injection: the window opens behind STI", at.reason(),
           reason_of(ExitReason::interrupt_window));
    check("injection: interrupts are on then", at.flags() & 0x200);
    at = enter(at.rip(), at.controls() & ~window_exiting, interrupt(0x31));
    expect("injection: the interrupt is delivered", at.r15(), 1);
    expect("injection: and the guest goes on behind it", at.reason(),
           reason_of(ExitReason::vmcall));
    expect("injection: the word says that it was delivered",
           at.event() & vmx::interruption::Valid::mask, 0);
    at = enter(at.rip() + 3, hlt_exiting, 0);
    expect("injection: STI, HLT exits", at.reason(), reason_of(ExitReason::hlt));
    at = enter(at.rip() + 1, 0, interrupt(0x31)); // past the HLT its shadow is over
    expect("injection: it wakes a halted guest", at.r15(), 2);
    at = enter(at.rip() + 3, window_exiting, 0);
    check("injection: no window while interrupts are off",
          at.reason() == reason_of(ExitReason::interrupt_window) ||
              at.reason() == reason_of(ExitReason::vmcall));
}

// The interrupt descriptor table is not there when the interrupt comes: nothing is lost.
void test_interrupted_delivery() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::interrupts());
    bench.handle(0x31, guest::handler());
    bench.write_registers({});
    bench.write(Field::guest_idtr_base, 0x204000); // linear = physical, no memory there yet
    bench.write(Field::guest_rflags, 0x202);
    Stop at = enter(Bench::code, 0, interrupt(0x31));
    expect("delivery: it needs memory that is missing", at.reason(),
           reason_of(ExitReason::ept_violation));
    check("delivery: of the descriptor table",
          at.physical() >= 0x204000 && at.physical() < 0x205000);
    expect("delivery: the event comes back in MR2", at.event(), interrupt(0x31));
    expect("delivery: and as IDT-vectoring information", bench.read(Field::idt_vectoring_info),
           interrupt(0x31));
    bench.write(Field::guest_idtr_base, 0x4000);
    at = enter(at.rip(), at.controls(), at.event());
    expect("delivery: passing MR2 back delivers it", at.r15(), 1);
}

void test_exceptions() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::page_fault());
    bench.handle(14, guest::fault_handler());
    bench.write_registers({.rcx = 2, .rdi = u64{1} << 40});
    Stop at = bench.run();
    expect("exceptions: the guest handles its own", at.r15(), 1);
    expect("exceptions: with the error code", at.rbx(), 0);
    bench.write(Field::exception_bitmap, 1 << 14);
    at = bench.run();
    expect("exceptions: one in the bitmap exits", at.reason(), reason_of(ExitReason::exception));
    expect("exceptions: a page fault's address is the qualification", at.qualification(),
           u64{1} << 40);
    expect("exceptions: which one", bench.read(Field::exit_interruption_info), exception(14, true));
    expect("exceptions: its error code", bench.read(Field::exit_interruption_error_code), 0);
    bench.write(Field::entry_exception_error_code, 0x15);
    at = enter(at.rip(), 0, exception(14, true));
    expect("exceptions: the monitor passes it on", at.r15(), 2);
    expect("exceptions: with the error code that it chose", at.rbx(), 0x15);
}

void test_svm_in_guest() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::invalid_opcode());
    bench.write_registers({});
    bench.write(Field::exception_bitmap, 0);
    // #UD has no error code: the frame's rip is where guest::handler's iretq finds it, three bytes
    // too early; skip them.
    static constexpr u8 skip[] = {0x49, 0xff, 0xc7,             // inc %r15
                                  0x48, 0x83, 0x04, 0x24, 0x03, // addq $3, (%rsp)
                                  0x48, 0xcf};                  // iretq
    bench.handle(6, skip);
    Stop at = bench.run();
    expect("SVM in the guest: VMLOAD raises #UD", at.r15(), 1);
    at = bench.on(at);
    expect("SVM in the guest: STGI raises #UD", at.r15(), 2);
}

void test_single_step() {
    Bench bench;
    bench.use(own_thread);
    bench.load(guest::single_step());
    bench.handle(1, guest::handler());
    bench.write_registers({});
    Stop at = bench.run();
    expect("single step: goes on to its end", at.reason(), reason_of(ExitReason::vmcall));
    check("single step: the guest's own handler sees the steps", at.r15() >= 3);
}

} // namespace

void test_events() {
    test_injection();
    test_interrupted_delivery();
    test_exceptions();
    test_svm_in_guest();
    test_single_step();
}

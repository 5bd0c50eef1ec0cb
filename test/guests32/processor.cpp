// SPDX-License-Identifier: Apache-2.0
// Flags, registers and exceptions: what a kernel sees of its processor.
#include "test/guests32/behaviours.hpp"
#include "test/guests32/machine.hpp"

namespace guest {
namespace {

// Long enough for a timer interrupt of the next few thousand ticks to arrive.
void spin() {
    for (u32 i = 0; i < 200000; ++i) asm volatile("pause");
}

u32 volatile zero = 0;

void single_steps() { asm volatile("pushf; orl $0x100, (%%esp); popf; nop" ::: "memory", "cc"); }

} // namespace

void flags_and_registers() {
    Checks checks("flags");
    asm volatile("cli");
    checks.check((flags() & flag_interrupt) == 0, "IF after CLI", flags());
    asm volatile("sti");
    checks.check((flags() & flag_interrupt) != 0, "IF after STI", flags());
    set_flags(flags() & ~flag_interrupt);
    checks.check((flags() & flag_interrupt) == 0, "IF cleared by POPF", flags());
    set_flags(flags() | flag_interrupt);
    checks.check((flags() & flag_interrupt) != 0, "IF set by POPF", flags());
    set_flags((flags() & ~flag_interrupt) | flag_iopl);
    checks.check((flags() & (flag_interrupt | flag_iopl)) == flag_iopl, "IOPL set by POPF",
                 flags());
    set_flags(2);
    u16 word;
    asm volatile("pushw $0x0202; popfw; pushfw; popw %0" : "=r"(word)::"memory", "cc");
    checks.check(word == 0x0202, "POPFW and PUSHFW", word);
    asm volatile("cli");
    u32 arithmetic;
    asm volatile("stc; pushf; cli; pop %0; adc $0, %0" : "=r"(arithmetic)::"memory", "cc");
    checks.check((arithmetic & 3) == 0, "carry lives through PUSHF and CLI", arithmetic);

    TableRegister global{}, interrupts{};
    asm volatile("sgdt %0; sidt %1" : "=m"(global), "=m"(interrupts));
    checks.check(global.limit == 127, "SGDT", global.limit);
    checks.check(interrupts.limit == 2047, "SIDT", interrupts.limit);
    u32 word_of_cr0, task, local;
    asm volatile("smsw %0" : "=r"(word_of_cr0));
    checks.check((word_of_cr0 & 0xffff) == (cr0() & 0xffff), "SMSW", word_of_cr0);
    asm volatile("str %w0" : "=r"(task) : "0"(0));
    checks.check(task == task_selector, "STR", task);
    asm volatile("sldt %w0" : "=r"(local) : "0"(0));
    checks.check(local == 0, "SLDT", local);
    u32 code, stack, data, pushed;
    asm volatile("mov %%cs, %0; mov %%ss, %1; mov %%ds, %2; push %%cs; pop %3"
                 : "=r"(code), "=r"(stack), "=r"(data), "=r"(pushed));
    checks.check(code == code_selector && pushed == code_selector, "CS", code);
    checks.check(stack == data_selector && data == data_selector, "SS and DS", stack << 16 | data);
    asm volatile("push %%es; pop %0" : "=r"(pushed));
    checks.check(pushed == data_selector, "PUSH ES", pushed);
    u32 null = 0;
    asm volatile("mov %1, %%gs; mov %%gs, %0" : "=r"(pushed) : "r"(null));
    checks.check(pushed == 0, "GS empty", pushed);
    asm volatile("mov %1, %%gs; mov %%gs, %0" : "=r"(pushed) : "r"(u32{data_selector}));
    checks.check(pushed == data_selector, "GS loaded", pushed);

    u32 rights = 0, limit = 0;
    bool good;
    asm volatile("lar %2, %0" : "=r"(rights), "=@ccz"(good) : "r"(u32{data_selector}), "0"(0));
    checks.check(good && (rights & 0xf0ff00) == 0xc09300, "LAR", rights);
    asm volatile("lsl %2, %0" : "=r"(limit), "=@ccz"(good) : "r"(u32{data_selector}), "0"(0));
    checks.check(good && limit == 0xffffffff, "LSL", limit);
    asm volatile("verr %w1" : "=@ccz"(good) : "r"(u32{data_selector}));
    checks.check(good, "VERR");
    asm volatile("verw %w1" : "=@ccz"(good) : "r"(u32{code_selector}));
    checks.check(!good, "VERW of code");

    enable_apic();
    asm volatile("cli");
    set_alarm(1000, false);
    spin();
    checks.check(alarms == 0, "no interrupt while POPF and CLI hold it off", alarms);
    set_flags(flags() | flag_interrupt);
    spin();
    checks.check(alarms == 1, "the interrupt comes when POPF allows it", alarms);
    set_flags(flags() & ~flag_interrupt);
    set_alarm(1000, false);
    spin();
    checks.check(alarms == 1, "POPF holds an interrupt off", alarms);
    asm volatile("sti; hlt; cli");
    checks.check(alarms == 2, "STI and HLT let it in", alarms);
    checks.report();
}

void exceptions() {
    Checks checks("exceptions");
    auto const expect = [&](Event const& event, u32 vector, u32 error_code, char const* what) {
        checks.check(event.vector == vector && event.error_code == error_code, what,
                     event.vector << 16 | event.error_code);
        checks.check((event.frame.cs & 0xffff) == code_selector, "CS in the frame", event.frame.cs);
    };
    expect(exception_of([] {
               u32 result;
               asm volatile("xor %%edx, %%edx; div %1" : "=a"(result) : "r"(zero) : "edx");
           }),
           divide_error, 0, "#DE");
    expect(exception_of([] { asm volatile("int3"); }), breakpoint, 0, "#BP");
    expect(exception_of([] {
               asm volatile("movb $0x7f, %%al; addb $1, %%al; into" ::: "eax");
           }),
           overflow, 0, "#OF");
    expect(exception_of([] { asm volatile("ud2"); }), invalid_opcode, 0, "#UD");
    expect(exception_of([] { asm volatile("mov %0, %%fs" ::"r"(0x1230)); }), general_protection,
           0x1230, "#GP of a selector");
    expect(exception_of([] { asm volatile("mov %0, %%ss" ::"r"(0)); }), general_protection, 0,
           "#GP of an empty SS");
    set_descriptor(spare_selector, descriptor(0, 0xfffff, data_access & 0x7f, true));
    expect(exception_of([] { asm volatile("mov %0, %%es" ::"r"(u32{spare_selector})); }),
           segment_not_present, spare_selector, "#NP");
    expect(exception_of([] { asm volatile("mov %0, %%ss" ::"r"(u32{spare_selector})); }),
           stack_fault, spare_selector, "#SS");
    expect(exception_of([] { asm volatile("int $0x90"); }), general_protection, 0x90 * 8 + 2,
           "an INT without a gate");
    expect(exception_of([] { asm volatile("rdmsr" ::"c"(0x12345678)
                                          : "eax", "edx"); }),
           general_protection, 0, "#GP of an MSR");

    u32 const old = cr0();
    set_cr0(old | 8); // TS
    expect(exception_of([] { asm volatile("fnop"); }), no_device, 0, "#NM");
    asm volatile("clts; fninit");
    checks.check((cr0() & 8) == 0, "CLTS", cr0());
    checks.check(exception_of([] { asm volatile("fnop"); }).vector == none, "no #NM");
    set_cr0(old & ~8u);

    Event const step = exception_of(single_steps);
    expect(step, debug, 0, "#DB of a step");
    u32 status;
    asm volatile("mov %%dr6, %0; mov %1, %%dr6" : "=&r"(status) : "r"(0));
    checks.check((status & 0x4000) != 0, "DR6 says a step", status);

    Event const trapped = exception_of([] {
        asm volatile("mov $7, %%ebx; pushf; popf; mov $8, %%ecx; ud2" ::: "ebx", "ecx", "cc");
    });
    checks.check(trapped.frame.ebx == 7 && trapped.frame.ecx == 8, "registers in the frame",
                 trapped.frame.ecx);
    checks.report();
}

void timer() {
    Checks checks("timer");
    enable_apic();
    set_alarm(20000000, true);
    asm volatile("sti");
    for (u32 i = 0; alarms < 5 && i < 2000000000; ++i) asm volatile("");
    asm volatile("cli");
    checks.check(alarms >= 5, "ticks while the guest computes", alarms);
    u32 const before = alarms;
    while (alarms < before + 5) asm volatile("sti; hlt; cli");
    checks.check(alarms >= before + 5, "ticks wake HLT", alarms);
    Event const interrupted = exception_of([] {
        asm volatile("mov $0x12345678, %%esi; sti; 1: jmp 1b" ::: "esi");
    });
    checks.check(interrupted.vector == alarm && interrupted.frame.esi == 0x12345678,
                 "a loop is interrupted", interrupted.vector);
    checks.check((interrupted.frame.eflags & flag_interrupt) != 0, "IF in the frame",
                 interrupted.frame.eflags);
    checks.report();
}

void long_handler() {
    Checks checks("long-handler");
    static u32 volatile running, deepest;
    handler = [](Frame& frame) {
        if (frame.vector != alarm) return false;
        running = running + 1;
        if (running > deepest) deepest = running;
        for (u32 i = 0; i < 5000000; ++i) asm volatile(""); // nothing that the monitor sees
        running = running - 1;
        return false;
    };
    enable_apic();
    for (u32 i = 0; i < 10; ++i) {
        set_alarm(1000, false);
        while (alarms == i) asm volatile("sti; hlt; cli");
    }
    checks.check(deepest == 1, "no interrupt is delivered twice", deepest);
    checks.report();
}

void triple_fault() {
    // First a double fault: a page fault whose gate is not there.
    start_paging();
    set_gate_present(page_fault, false);
    Event const twice = exception_of([] { at<u32>(0x50000000) = 1; });
    print_line(twice.vector == double_fault && twice.error_code == 0 ? "a double fault comes first"
                                                                     : "no double fault");
    TableRegister const none_at_all{0, 0};
    print_line("guest gives up its interrupt table");
    asm volatile("lidt %0; ud2" ::"m"(none_at_all));
}

} // namespace guest

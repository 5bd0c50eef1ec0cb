// SPDX-License-Identifier: Apache-2.0
// User mode: what it may do, and what it is told when it may not.
#include "test/guests32/behaviours.hpp"
#include "test/guests32/machine.hpp"

namespace guest {
namespace {

// Code of user programs. EAX = 0 at INT 0x80 ends them.
#define USER_CODE(name, text)                                                                      \
    extern "C" void name();                                                                        \
    asm(".section .pages, \"ax\"\n" #name ":\n" text "\n.text")
USER_CODE(
    user_calls,
    "mov $5, %ebx; mov $1, %eax; int $0x80; mov $1, %eax; int $0x80; xor %eax, %eax; int $0x80");
USER_CODE(user_cli, "cli; ud2");
USER_CODE(user_hlt, "hlt; ud2");
USER_CODE(user_in, "mov $0x3f8, %dx; in %dx, %al; ud2");
USER_CODE(user_int, "int $0x21; ud2");
USER_CODE(user_int3, "int3; ud2");
USER_CODE(user_cr3, "mov %cr3, %eax; ud2");
USER_CODE(user_read, "mov 0x1800000, %eax; ud2");
USER_CODE(user_write, "movl $1, 0x1800000; ud2");
USER_CODE(user_jump, "mov $0x1800000, %eax; jmp *%eax; ud2");
USER_CODE(
    user_popf,
    "cli_by_popf: pushf; andl $~0x200, (%esp); popf; pushf; pop %ebx; xor %eax, %eax; int $0x80");
USER_CODE(user_spin, "mov $0x77, %edi; 1: jmp 1b");
USER_CODE(user_sysenter, "sysenter; ud2");
USER_CODE(user_segments, "mov $0x3b, %eax; mov %eax, %gs; mov %gs:4, %ebx; push %gs; pop %ecx; xor "
                         "%eax, %eax; int $0x80");
USER_CODE(user_step, "pushf; orl $0x100, (%esp); popf; nop; ud2");

} // namespace

void user_mode() {
    Checks checks("user");
    auto const faults = [&](Event const& event, u32 vector, u32 error_code, char const* what) {
        checks.check(event.vector == vector && event.error_code == error_code, what,
                     event.vector << 16 | event.error_code);
        checks.check(event.frame.cs == user_code_selector && event.frame.ss == user_data_selector,
                     "CS and SS in the frame", event.frame.cs << 16 | event.frame.ss);
        checks.check(event.frame.esp <= user_stack_top() && event.frame.esp > user_stack_top() - 64,
                     "ESP in the frame", event.frame.esp);
    };
    start_paging(); // nothing is the user's yet
    Event const nothing = user_exception_of(user_calls);
    faults(nothing, page_fault, 5, "code of the kernel");
    // All of the image is the user's, but no memory behind it.
    directory()[4] |= user;
    for (u32 i = 0; i < 1024; ++i) image_table()[i] |= user;
    set_cr3(cr3());

    Event const calls = user_exception_of(user_calls);
    faults(calls, system_call, 0, "system calls");
    checks.check(calls.frame.ebx == 7, "results of system calls", calls.frame.ebx);
    faults(user_exception_of(user_cli), general_protection, 0, "CLI");
    faults(user_exception_of(user_hlt), general_protection, 0, "HLT");
    faults(user_exception_of(user_in), general_protection, 0, "IN");
    faults(user_exception_of(user_int), general_protection, 0x21 * 8 + 2, "INT of the kernel");
    faults(user_exception_of(user_int3), breakpoint, 0, "INT3");
    faults(user_exception_of(user_cr3), general_protection, 0, "MOV from CR3");
    Event const read = user_exception_of(user_read);
    faults(read, page_fault, 5, "read of kernel memory");
    checks.check(read.address == 0x1800000, "CR2", read.address);
    faults(user_exception_of(user_write), page_fault, 7, "write of kernel memory");
    faults(user_exception_of(user_jump), page_fault, 5, "jump to kernel memory");
    Event const popf = user_exception_of(user_popf, 2 | flag_interrupt);
    faults(popf, system_call, 0, "POPF");
    checks.check((popf.frame.ebx & flag_interrupt) != 0 &&
                     (popf.frame.eflags & flag_interrupt) != 0,
                 "POPF leaves IF alone", popf.frame.ebx);
    faults(user_exception_of(user_sysenter), general_protection, 0, "SYSENTER without a target");
    faults(user_exception_of(user_step), debug, 0, "a step");

    enable_apic();
    u32 const start = reinterpret_cast<u32>(user_spin);
    Event interrupted;
    do { // on a busy host the time is up before the first instruction
        set_alarm(20000000, false);
        interrupted = user_exception_of(user_spin, 2 | flag_interrupt);
    } while (interrupted.vector == alarm && interrupted.frame.eip == start);
    faults(interrupted, alarm, 0, "an interrupt");
    checks.check(interrupted.frame.edi == 0x77, "EDI when interrupted", interrupted.frame.edi);

    static u32 const words[2] = {1, 0x5678};
    set_descriptor(spare_selector,
                   descriptor(address_of(words), 0xfffff, data_access | user_bits, true));
    Event const segments = user_exception_of(user_segments);
    faults(segments, system_call, 0, "GS");
    checks.check(segments.frame.ebx == 0x5678, "what GS shows", segments.frame.ebx);
    checks.check((segments.frame.gs & 0xffff) == (spare_selector | 3), "GS in the frame",
                 segments.frame.gs);

    // The same page for the kernel alone again.
    image_table()[(reinterpret_cast<u32>(user_calls) & 0x3fffff) >> 12] &= ~user;
    invalidate(reinterpret_cast<u32>(user_calls));
    faults(user_exception_of(user_calls), page_fault, 5, "code that is the kernel's again");
    checks.report();
}

} // namespace guest

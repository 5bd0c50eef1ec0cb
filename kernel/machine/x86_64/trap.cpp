// SPDX-License-Identifier: Apache-2.0
// What an exception or interrupt was: an event for the kernel, or the end of it.
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/context_offsets.h"
#include "kernel/machine/x86_64/entry.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "kernel/machine/x86_64/local_apic.hpp"

static_assert(
    CONTEXT_RIP == offsetof(Context, registers.rip) && CONTEXT_RSP == offsetof(Context, registers.rsp) &&
    CONTEXT_RFLAGS == offsetof(Context, registers.rflags) &&
    CONTEXT_RAX == offsetof(Context, registers.rax) && CONTEXT_RBX == offsetof(Context, registers.rbx) &&
    CONTEXT_RCX == offsetof(Context, registers.rcx) && CONTEXT_RDX == offsetof(Context, registers.rdx) &&
    CONTEXT_RSI == offsetof(Context, registers.rsi) && CONTEXT_RDI == offsetof(Context, registers.rdi) &&
    CONTEXT_RBP == offsetof(Context, registers.rbp));
static_assert(
    CONTEXT_R8 == offsetof(Context, registers.r8) && CONTEXT_R9 == offsetof(Context, registers.r9) &&
    CONTEXT_R10 == offsetof(Context, registers.r10) && CONTEXT_R11 == offsetof(Context, registers.r11) &&
    CONTEXT_R12 == offsetof(Context, registers.r12) && CONTEXT_R13 == offsetof(Context, registers.r13) &&
    CONTEXT_R14 == offsetof(Context, registers.r14) && CONTEXT_R15 == offsetof(Context, registers.r15));
static_assert(CONTEXT_NEXT_IP == offsetof(Context, next_ip) &&
              CONTEXT_RESTORE_ALL == offsetof(Context, restore_all) &&
              CONTEXT_CODE_SELECTOR == offsetof(Context, code_selector) &&
              CONTEXT_STACK_SELECTOR == offsetof(Context, stack_selector));

namespace {

constexpr u8 breakpoint = 3, overflow = 4, double_fault = 8, page_fault = 14, machine_check = 18;
constexpr u64 syscall_of_32_bit = 256;
constexpr u8 first_interrupt = 32;
constexpr u8 first_software_interrupt = 158, last_software_interrupt = 254;

// As fault_in_kernel of entry.S pushes it.
struct KernelFault {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    u64 vector, error_code, rip, cs, rflags, rsp, ss;
};

bool may_be_software_interrupt(u8 vector) {
    return vector >= first_software_interrupt && vector <= last_software_interrupt;
}

// These vectors are the user's INT n. A device whose owner made it send one has to be acknowledged, no more.
bool was_a_device(u8 vector) {
    if (!machine::interrupt_in_service(vector)) return false;
    machine::end_of_interrupt();
    return true;
}

Context* on_interrupt(u8 vector) {
    if (!may_be_software_interrupt(vector)) return enter(InterruptEvent{vector});
    if (was_a_device(vector)) return current_context;
    return enter(SoftwareInterruptEvent{vector});
}

[[noreturn]] void stop_for(u8 vector) {
    machine::fatal("exception ", u64{vector}, " in user mode at ", machine::Hex{current_context->registers.rip},
                   ": the processor cannot go on");
}

} // namespace

Context* on_trap(u64 number, u64 error_code) {
    u8 const vector = static_cast<u8>(number);
    if (vector >= first_interrupt) return on_interrupt(vector);
    if (vector == double_fault || vector == machine_check) stop_for(vector);
    if (vector == page_fault) return enter(PageFaultEvent{{processor::read_cr2()}, error_code});
    return enter(ExceptionEvent{vector, error_code});
}

Context* on_trap_32(u64 number, u64 error_code) {
    using namespace abi::trap32;
    if (number == page_fault) return enter_trap_32(page_fault, error_code, processor::read_cr2());
    if (number == syscall_of_32_bit) return enter_trap_32(event_word::Syscall::mask, 0, 0);
    u8 const vector = static_cast<u8>(number);
    if (vector >= first_interrupt) {
        if (!may_be_software_interrupt(vector)) return enter_interrupt_32(vector);
        if (was_a_device(vector)) return current_context;
    }
    if (vector == double_fault || vector == machine_check) stop_for(vector);
    bool const software = vector >= first_interrupt || vector == breakpoint || vector == overflow;
    return enter_trap_32(vector | event_word::Software::make(software), error_code, 0);
}

extern "C" [[noreturn]] void on_kernel_fault(KernelFault const& fault);
void on_kernel_fault(KernelFault const& fault) {
    using machine::Hex, machine::print_line;
    print_line("\ntessera: exception ", fault.vector, " in the kernel, error code ", Hex{fault.error_code},
               ", cr2 ", Hex{processor::read_cr2()}, ", cr3 ", Hex{processor::read_cr3()});
    print_line("rip ", Hex{fault.rip}, " cs ", Hex{fault.cs}, " rflags ", Hex{fault.rflags}, " rsp ",
               Hex{fault.rsp});
    print_line("rax ", Hex{fault.rax}, " rbx ", Hex{fault.rbx}, " rcx ", Hex{fault.rcx}, " rdx ",
               Hex{fault.rdx});
    print_line("rsi ", Hex{fault.rsi}, " rdi ", Hex{fault.rdi}, " rbp ", Hex{fault.rbp}, " r8  ",
               Hex{fault.r8});
    print_line("r9  ", Hex{fault.r9}, " r10 ", Hex{fault.r10}, " r11 ", Hex{fault.r11}, " r12 ",
               Hex{fault.r12});
    print_line("r13 ", Hex{fault.r13}, " r14 ", Hex{fault.r14}, " r15 ", Hex{fault.r15});
    print_line("The kernel stops here.");
    machine::halt();
}

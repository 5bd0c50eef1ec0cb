// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/differential/native.hpp"

#include <csignal>
#include <cstdlib>
#include <sys/mman.h>
#include <ucontext.h>

namespace {

// By offset in the assembly below.
struct Saved {
    u64 registers[16];
    u64 rflags;
    u64 host_stack;
    u64 target;
};

} // namespace

extern "C" {
Saved native_saved;
void native_enter();
void native_exit();
void native_fault_exit();
}

asm(R"(
.text
native_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    pushfq
    lea native_saved(%rip), %rdi
    mov %rsp, 136(%rdi)
    pushq 128(%rdi)
    popfq
    mov 0(%rdi), %rax
    mov 8(%rdi), %rcx
    mov 16(%rdi), %rdx
    mov 24(%rdi), %rbx
    mov 32(%rdi), %rsp
    mov 40(%rdi), %rbp
    mov 48(%rdi), %rsi
    mov 64(%rdi), %r8
    mov 72(%rdi), %r9
    mov 80(%rdi), %r10
    mov 88(%rdi), %r11
    mov 96(%rdi), %r12
    mov 104(%rdi), %r13
    mov 112(%rdi), %r14
    mov 120(%rdi), %r15
    mov 56(%rdi), %rdi
    jmp *native_saved+144(%rip)
native_exit:
    mov %rax, native_saved+0(%rip)
    mov %rcx, native_saved+8(%rip)
    mov %rdx, native_saved+16(%rip)
    mov %rbx, native_saved+24(%rip)
    mov %rsp, native_saved+32(%rip)
    mov %rbp, native_saved+40(%rip)
    mov %rsi, native_saved+48(%rip)
    mov %rdi, native_saved+56(%rip)
    mov %r8, native_saved+64(%rip)
    mov %r9, native_saved+72(%rip)
    mov %r10, native_saved+80(%rip)
    mov %r11, native_saved+88(%rip)
    mov %r12, native_saved+96(%rip)
    mov %r13, native_saved+104(%rip)
    mov %r14, native_saved+112(%rip)
    mov %r15, native_saved+120(%rip)
    mov native_saved+136(%rip), %rsp
    pushfq
    popq native_saved+128(%rip)
native_fault_exit:
    popfq
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

namespace x86::native {
namespace {

bool running = false;
std::optional<Exception> raised;
u64 fault_rip;

bool pushes_error_code(u64 number) {
    return number == vector::double_fault ||
           (number >= vector::invalid_tss && number <= vector::page_fault) ||
           number == vector::alignment;
}

void on_signal(int signal, siginfo_t*, void* data) {
    auto& registers = static_cast<ucontext_t*>(data)->uc_mcontext.gregs;
    if (!running) { // a bug of the test itself
        std::signal(signal, SIG_DFL);
        return;
    }
    static constexpr int by_number[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                        REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                        REG_R12, REG_R13, REG_R14, REG_R15};
    for (unsigned i = 0; i < 16; ++i)
        native_saved.registers[i] = static_cast<u64>(registers[by_number[i]]);
    native_saved.rflags = static_cast<u64>(registers[REG_EFL]);
    fault_rip = static_cast<u64>(registers[REG_RIP]);
    auto const number = static_cast<u64>(registers[REG_TRAPNO]);
    raised = Exception{.vector = static_cast<u8>(number)};
    if (pushes_error_code(number)) raised->error_code = static_cast<u32>(registers[REG_ERR]);
    if (number == vector::page_fault) raised->address = static_cast<u64>(registers[REG_CR2]);
    registers[REG_RIP] = reinterpret_cast<greg_t>(&native_fault_exit);
    registers[REG_RSP] = static_cast<greg_t>(native_saved.host_stack);
}

} // namespace

void prepare() {
    constexpr std::size_t stack_bytes = 1 << 16; // the code's own stack may be anything
    stack_t const stack{.ss_sp = std::malloc(stack_bytes), .ss_flags = 0, .ss_size = stack_bytes};
    sigaltstack(&stack, nullptr);
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int const signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP})
        sigaction(signal, &action, nullptr);
}

Outcome run(CoreState const& core) {
    for (unsigned i = 0; i < 16; ++i) native_saved.registers[i] = core.registers.value[i];
    native_saved.rflags = core.rflags;
    native_saved.target = core.rip;
    raised.reset();
    running = true;
    native_enter();
    running = false;
    Outcome result{.core = {}, .exception = raised};
    for (unsigned i = 0; i < 16; ++i) result.core.registers.value[i] = native_saved.registers[i];
    result.core.rflags = native_saved.rflags;
    result.core.rip = raised ? fault_rip : 0;
    return result;
}

u64 exit_address() { return reinterpret_cast<u64>(&native_exit); }

u64 fs_base() {
    u64 value;
    asm volatile("rdfsbase %0" : "=r"(value));
    return value;
}

u16 selector(SegmentName name) {
    u16 value = 0;
    switch (name) {
    case SegmentName::es: asm volatile("mov %%es, %0" : "=r"(value)); break;
    case SegmentName::cs: asm volatile("mov %%cs, %0" : "=r"(value)); break;
    case SegmentName::ss: asm volatile("mov %%ss, %0" : "=r"(value)); break;
    case SegmentName::ds: asm volatile("mov %%ds, %0" : "=r"(value)); break;
    case SegmentName::fs: asm volatile("mov %%fs, %0" : "=r"(value)); break;
    case SegmentName::gs: asm volatile("mov %%gs, %0" : "=r"(value)); break;
    default: break;
    }
    return value;
}

} // namespace x86::native

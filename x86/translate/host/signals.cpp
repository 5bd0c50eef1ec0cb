// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/host/signals.hpp"

#include <csignal>
#include <cstddef>
#include <memory>
#include <sys/time.h>

// A program may have asked for alignment checks (AC), which this one does not expect: a handler starts with the flags of what it interrupts.
extern "C" {
void host_signal_entry(int signal, siginfo_t* information, void* data);
void host_on_signal(int signal, siginfo_t* information, void* data);
}
asm(R"(
.text
host_signal_entry:
    pushfq
    andl $~0x40000, (%rsp)
    popfq
    jmp host_on_signal
)");

namespace {
x86::translate::hosted::FaultCatcher* catcher;
x86::translate::hosted::TickCatcher* tick_catcher;
} // namespace

void host_on_signal(int signal, siginfo_t*, void* data) {
    if (signal == SIGPROF) {
        if (tick_catcher != nullptr) tick_catcher->ticked(static_cast<ucontext_t*>(data)->uc_mcontext);
        return;
    }
    if (catcher != nullptr && catcher->caught(static_cast<ucontext_t*>(data)->uc_mcontext)) return;
    std::signal(signal, SIG_DFL); // it happens again, and ends the program
}

namespace x86::translate::hosted {
namespace {

// The guest's stack pointer is nothing to run a handler on.
void install_handlers() {
    static bool installed = false;
    if (installed) return;
    installed = true;
    constexpr std::size_t stack_bytes = 1 << 18;
    static auto const memory = std::make_unique<std::byte[]>(stack_bytes);
    stack_t const stack{.ss_sp = memory.get(), .ss_flags = 0, .ss_size = stack_bytes};
    sigaltstack(&stack, nullptr);
    struct sigaction action {};
    action.sa_sigaction = host_signal_entry;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    for (int const signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPROF}) sigaction(signal, &action, nullptr);
}

bool has_error_code(u8 number) {
    return number == vector::double_fault || (number >= vector::invalid_tss && number <= vector::page_fault) || number == vector::alignment;
}

} // namespace

FaultScope::FaultScope(FaultCatcher& own) : before_(catcher) {
    install_handlers();
    catcher = &own;
}

FaultScope::~FaultScope() { catcher = before_; }

TickScope::TickScope(TickCatcher& own, std::chrono::microseconds interval) {
    install_handlers();
    tick_catcher = &own;
    timeval const time{.tv_sec = interval.count() / 1'000'000, .tv_usec = interval.count() % 1'000'000};
    itimerval const timer{.it_interval = time, .it_value = time};
    setitimer(ITIMER_PROF, &timer, nullptr);
}

TickScope::~TickScope() {
    itimerval const off{};
    setitimer(ITIMER_PROF, &off, nullptr);
    tick_catcher = nullptr;
}

Exception exception_of(mcontext_t const& registers) {
    Exception result{.vector = static_cast<u8>(registers.gregs[REG_TRAPNO])};
    if (has_error_code(result.vector)) result.error_code = static_cast<u32>(registers.gregs[REG_ERR]);
    if (result.vector == vector::page_fault) result.address = static_cast<u64>(registers.gregs[REG_CR2]);
    return result;
}

} // namespace x86::translate::hosted

// SPDX-License-Identifier: Apache-2.0
// The run loop. An event went in, a thread came out; what kind of thread it is says how the processor goes on.
#include "kernel/boot/enter.hpp"

#include "kernel/boot/guarded.hpp"
#include "kernel/boot/root_task.hpp"
#include "kernel/device/vcpu.hpp"
#include "kernel/kernel.hpp"
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/entry.hpp"
#include "kernel/machine/x86_64/svm.hpp"

namespace {

Guarded<Kernel> the_kernel;
Cpu the_cpu;

Tcb* handle(Event const& event) {
    return the_kernel.with([&](Kernel& kernel) { return &kernel.handle_other(the_cpu, event); });
}

// Runs guests and waits for interrupts, until a thread is to run in user mode.
[[gnu::noinline]] Tcb* wait_for_thread(Tcb* next) {
    while (next->state != ThreadState::running && next->state != ThreadState::running_32) {
        if (next->state == ThreadState::idle) next = handle(InterruptEvent{static_cast<u8>(wait_for_interrupt())});
        else next = handle(machine::run_guest(next->vcpu->frame()));
    }
    return next;
}

Context* go_on(Tcb* next) {
    if (next->state != ThreadState::running) [[unlikely]] next = wait_for_thread(next);
    return &next->context;
}

} // namespace

Context* on_syscall() {
    return the_kernel.with([](Kernel& kernel) {
        Tcb& next = kernel.next_after_syscall(the_cpu);
        if (next.state != ThreadState::running) [[unlikely]] return go_on(&kernel.finish(next));
        kernel.go_on_with(the_cpu, next);
        return &next.context;
    });
}
Context* enter(Event const& event) { return go_on(handle(event)); }
Context* enter_trap_32(u64 event, u64 error_code, u64 address) {
    return go_on(the_kernel.with([&](Kernel& kernel) { return &kernel.handle_trap_32(the_cpu, {event, error_code, address}); }));
}
Context* enter_interrupt_32(u8 vector) {
    return go_on(the_kernel.with([&](Kernel& kernel) { return &kernel.handle_interrupt_32(the_cpu, {vector}); }));
}

void run(Environment const& environment) {
    Tcb& first = the_kernel.with([&](Kernel& kernel) -> Tcb& {
        auto const root = boot_root_task(kernel, environment);
        if (!root) machine::fatal("the root task cannot be started: ", root.error().what, root.error().why);
        kernel.set({.debug_calls = environment.command_line.debug_calls,
                    .fast_paths = environment.command_line.fast_paths});
        return kernel.start(the_cpu, **root);
    });
    return_to_user(go_on(&first));
}

// SPDX-License-Identifier: Apache-2.0
// The kernel is a function: an event goes in, the state changes, the next thread comes out.
// All state hangs off one Kernel and one Cpu per core; tests make as many as they like.
#pragma once

#include "kernel/capability/deletion.hpp"
#include "kernel/cpu.hpp"
#include "kernel/device/io_port.hpp"
#include "kernel/device/irq.hpp"
#include "kernel/command_line.hpp"
#include "kernel/device/vcpu_table.hpp"
#include "kernel/event.hpp"
#include "kernel/memory/asid.hpp"
#include "kernel/memory/guest_tag.hpp"
#include "kernel/thread/domain.hpp"
#include "kernel/thread/scheduler.hpp"

class Kernel {
public:
    struct Options {
        DebugCalls debug_calls = DebugCalls::all;
        unsigned preemption_interval = abi::work_units_per_preemption; // tests stop long work at every step
    };
    Kernel() = default;
    explicit Kernel(Options options) : options_(options) {}
    Kernel(Kernel const&) = delete;
    Kernel& operator=(Kernel const&) = delete;

    // The current thread's registers are in its Context. The result's Context is what the processor goes on with:
    // a thread (user mode, or its Vcpu when it is running_vm) or the idle thread.
    [[nodiscard]] Tcb& handle(Cpu& cpu, Event const& event);
    // Boot: the first thread is `thread`.
    [[nodiscard]] Tcb& start(Cpu& cpu, Tcb& thread);
    void allow_debug_calls(DebugCalls calls) { options_.debug_calls = calls; }

    Tcb& current() { return *cpu_->current; }
    Cpu& cpu() { return *cpu_; }
    Options const& options() const { return options_; }

    // Long operations call it after each piece of work; true: stop here, the system call will be repeated.
    bool preempted();

    // `thread` was woken in this kernel entry.
    void wake(Tcb& thread) { scheduler.possible_switch(thread, current()); }
    // Delivers `fault` to the thread's handler, or stops the thread: ABI 9.1.
    void raise(Tcb& thread, Fault const& fault);
    // The thread is in VMEnter (running_vm): the system call returns with its notification's word.
    void end_vm_enter(Tcb& thread, u64 badge);
    // The Vcpu and its thread let go of each other; a VMEnter under way returns as if a notification of word 0 had come.
    void unbind_vcpu(Vcpu& vcpu);
    // The FPU's contents go back to their thread (its Tcb is read, flagged or deleted).
    void release_fpu(Tcb& thread, bool save);
    // Gives the current thread the FPU it may have.
    void load_fpu();
    // The thread runs in an address space that changed or went away.
    void reload_address_space() { cpu_->address_space_stale = true; }

    Scheduler scheduler;
    DomainSchedule domain_schedule;
    AsidTable asids;
    IrqTable irqs;
    IoPortTable io_ports;
    VcpuTable vcpus;
    GuestTags guest_tags;

private:
    void on_syscall();
    void on_interrupt(u8 vector);
    void on_tick();
    void run_tick(bool on);
    bool needs_tick(Tcb const& thread) const;
    Tcb& finish();
    void switch_to(Tcb& thread);
    void load_address_space(Tcb& thread);
    void debug_syscall(abi::Syscall call);
    void enter_vm();      // system call VMEnter of the current thread, which has a Vcpu
    void on_guest_stop(); // the current thread's guest left the processor
    void prepare_guest(Tcb& thread); // its guest runs next, unless that is impossible: then VMEnter returns
    void end_vm_enter_for_exit(Tcb& thread);

    // May the thread make the debug system calls?
    bool may_debug(Tcb const& thread) const;

    Options options_;
    Tcb const* first_thread_{}; // the root task's, never dereferenced
    Cpu* cpu_{};
    unsigned work_units_{};
};

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
#include "kernel/fast_path.hpp"
#include "kernel/memory/asid.hpp"
#include "kernel/memory/guest_tag.hpp"
#include "kernel/thread/domain.hpp"
#include "kernel/thread/scheduler.hpp"

class Kernel {
public:
    struct Options {
        DebugCalls debug_calls = DebugCalls::all;
        bool fast_paths = true; // off: every event takes the general way
        unsigned preemption_interval = abi::work_units_per_preemption; // tests stop long work at every step
    };
    Kernel() = default;
    explicit Kernel(Options options) : options_(options) {}
    Kernel(Kernel const&) = delete;
    Kernel& operator=(Kernel const&) = delete;

    // The current thread's registers are in its Context. The result's Context is what the processor goes on with:
    // a thread (user mode, or its Vcpu when it is running_vm) or the idle thread.
    [[nodiscard]] Tcb& handle(Cpu& cpu, Event const& event) {
        return std::holds_alternative<SyscallEvent>(event) ? handle_syscall(cpu) : handle_other(cpu, event);
    }
    [[nodiscard]] Tcb& handle_syscall(Cpu& cpu) {
        cpu_ = &cpu;
        Tcb* next = options_.fast_paths ? fast_path::system_call(*this) : nullptr;
        if (!next) next = &general_syscall();
        return go_on_with(*next);
    }
    [[nodiscard]] Tcb& handle_other(Cpu& cpu, Event const& event); // no SyscallEvent
    // Boot: the first thread is `thread`.
    [[nodiscard]] Tcb& start(Cpu& cpu, Tcb& thread);
    void set(Options const& options) { options_ = options; }

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
    // Gives the current thread the FPU it may have. Eager: the state of one thread never stays where another could reach it.
    [[gnu::always_inline]] void load_fpu() {
        Tcb& thread = current();
        cpu_->guest_ran = false;
        if (thread.fpu_disabled) return machine::enable_fpu(false);
        machine::enable_fpu(true);
        if (cpu_->fpu_owner == &thread) return;
        if (cpu_->fpu_owner) machine::save_fpu(cpu_->fpu_owner->context.fpu);
        machine::load_fpu(thread.context.fpu);
        cpu_->fpu_owner = &thread;
    }
    // The thread runs in an address space that changed or went away.
    void reload_address_space() {
        cpu_->loaded_space = Cpu::unknown_space;
        cpu_->address_space_stale = true;
    }
    // The end of every kernel entry: `next` is what the processor goes on with.
    [[gnu::always_inline]] Tcb& go_on_with(Tcb& next) {
        if (next.state != ThreadState::running) [[unlikely]] become_running(next);
        if (!cpu_->tick_runs && needs_tick(next)) [[unlikely]] run_tick(true);
        if (next.state == ThreadState::running_vm) [[unlikely]] return enter_guest(next);
        if (&next != cpu_->current) {
            switch_to(next);
        } else {
            if (cpu_->address_space_stale) [[unlikely]] load_address_space(next);
            if (cpu_->guest_ran) [[unlikely]] load_fpu();
        }
        return next;
    }

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
    [[gnu::noinline]] void run_tick(bool on);
    // Time slices mean nothing to a thread that shares the processor with nobody, unless it asked to be told of their end.
    [[gnu::always_inline]] bool needs_tick(Tcb const& thread) const {
        return scheduler.has_peer(thread) || (thread.upcall.causes & abi::upcall_causes::time_slice);
    }
    Tcb& next_thread();
    // Not inlined: what is rare shall not cost the rest saved registers.
    [[gnu::noinline]] void become_running(Tcb& thread);
    [[gnu::noinline]] Tcb& enter_guest(Tcb& thread);
    [[gnu::noinline]] Tcb& general_syscall();
    [[gnu::always_inline]] void switch_to(Tcb& thread) {
        cpu_->current = &thread;
        load_address_space(thread);
        machine::load_segment_bases(thread.registers().fs_base, thread.registers().gs_base);
        load_fpu();
    }
    [[gnu::always_inline]] void load_address_space(Tcb const& thread) {
        cpu_->address_space_stale = false;
        Cap const& vspace = thread.cap(Tcb::vspace);
        u64 const space = vspace.raw().high;
        if (space == cpu_->loaded_space) return;
        if (vspace.is<Pml4Cap>()) {
            auto const root = vspace.get<Pml4Cap>();
            if (asids.root(root.asid) == root.table) {
                cpu_->loaded_space = space;
                return machine::load_address_space(machine::physical(root.table), root.asid);
            }
        }
        cpu_->loaded_space = 0;
        machine::load_address_space(machine::kernel_address_space(), {});
    }
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

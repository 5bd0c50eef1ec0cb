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
#include "kernel/memory/composed_root.hpp"
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
    // a thread (user mode, or its Vcpu when it is running_vm; 32-bit code when it is running_32) or the idle thread.
    [[nodiscard]] Tcb& handle(Cpu& cpu, Event const& event) {
        if (std::holds_alternative<SyscallEvent>(event)) return handle_syscall(cpu);
        if (cpu.current->state != ThreadState::running_32) return handle_other(cpu, event);
        if (auto const* const trap = std::get_if<Trap32Event>(&event)) return handle_trap_32(cpu, *trap);
        return handle_interrupt_32(cpu, std::get<InterruptEvent>(event));
    }
    [[nodiscard]] Tcb& handle_syscall(Cpu& cpu) { return finish(next_after_syscall(cpu)); }
    // In two parts, for a caller who wants to know early whether next is just running: if so, go_on_with(), else finish().
    [[gnu::always_inline]] Tcb& next_after_syscall(Cpu& cpu) {
        cpu_ = &cpu;
        Tcb* const next = options_.fast_paths ? fast_path::system_call(*this) : nullptr;
        return next ? *next : general_syscall();
    }
    Tcb& finish(Tcb& next);
    [[nodiscard]] Tcb& handle_other(Cpu& cpu, Event const& event); // no SyscallEvent, not of a 32-bit thread
    // All that can happen in a 32-bit thread, but for SYSCALL of a wide one.
    [[nodiscard]] Tcb& handle_trap_32(Cpu& cpu, Trap32Event const& trap);
    [[nodiscard]] Tcb& handle_interrupt_32(Cpu& cpu, InterruptEvent interrupt);
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
    [[gnu::always_inline]] void load_fpu(Cpu& cpu, Tcb& thread) {
        if (thread.fpu_disabled) return machine::enable_fpu(false);
        machine::enable_fpu(true);
        Tcb* const owner = cpu.fpu_owner;
        if (owner == &thread) return;
        cpu.fpu_owner = &thread;
        if (owner) machine::save_fpu(owner->context.fpu);
        machine::load_fpu(thread.context.fpu);
    }
    // The thread runs in an address space that changed or went away.
    void reload_address_space() {
        cpu_->loaded_space = Cpu::unknown_space;
        cpu_->stale |= Cpu::stale_space;
    }
    // The end of a kernel entry: the running `next` is what the processor goes on with.
    [[gnu::always_inline]] void go_on_with(Cpu& cpu, Tcb& next) {
        if (!cpu.tick_runs && needs_tick(next)) [[unlikely]] run_tick(true);
        if (&next == cpu.current) {
            if (cpu.stale != 0) [[unlikely]] refresh(next);
            return;
        }
        cpu.current = &next;
        cpu.stale = 0;
        load_address_space(cpu, next);
        machine::load_segment_bases(next.registers().fs_base, next.registers().gs_base);
        load_fpu(cpu, next);
    }

    Scheduler scheduler;
    DomainSchedule domain_schedule;
    AsidTable asids;
    IrqTable irqs;
    IoPortTable io_ports;
    VcpuTable vcpus;
    GuestTags guest_tags;
    ComposedRoot composed_root;

private:
    void on_syscall();
    [[gnu::noinline]] bool divert_syscall(Tcb& thread);
    void on_wide_syscall(Tcb& thread);
    void on_interrupt(u8 vector);
    void on_tick();
    [[gnu::noinline]] void run_tick(bool on);
    // Time slices mean nothing to a thread that shares the processor with nobody, unless it asked to be told of their end.
    [[gnu::always_inline]] bool needs_tick(Tcb const& thread) const {
        return scheduler.has_peer(thread) || (thread.upcall.causes & abi::upcall_causes::time_slice);
    }
    Tcb& next_thread();
    // Not inlined: what is rare shall not cost the rest saved registers.
    [[gnu::noinline]] Tcb& general_syscall();
    [[gnu::noinline]] void refresh(Tcb& thread);
    [[gnu::always_inline]] void load_address_space(Cpu& cpu, Tcb const& thread) {
        Cap const& vspace = thread.cap(Tcb::vspace);
        u64 const space = vspace.raw().high;
        if (space == cpu.loaded_space) return;
        // A thread's capability to a mapped root keeps the root: only the end of an ASID pool takes the ASID away from it.
        if (!vspace.is_mapped<Pml4Cap>() || asids.lost_a_pool()) [[unlikely]] return load_doubtful_address_space(thread);
        auto const root = vspace.get<Pml4Cap>();
        cpu.loaded_space = space;
        machine::load_address_space(machine::physical(root.table), Asid{static_cast<u16>(vspace.raw().low)});
    }
    [[gnu::noinline]] void load_doubtful_address_space(Tcb const& thread);
    std::optional<Pml4Cap> live_space(Tcb const& thread) const; // its VSpace, unless that is gone
    void load_space_32(Tcb const& thread, bool another);
    u64 upper_entry(Tcb const& thread) const;
    void go_on_in_32_bit(Tcb& thread, bool another);
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

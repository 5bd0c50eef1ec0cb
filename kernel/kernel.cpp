// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel.hpp"

#include "base/overload.hpp"
#include "kernel/invocation/invocation.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/log.hpp"
#include "kernel/thread/upcall.hpp"

bool Kernel::may_debug(Tcb const& thread) const {
    switch (options_.debug_calls) {
    case DebugCalls::all: return true;
    case DebugCalls::root_task: return &thread == first_thread_;
    case DebugCalls::none: break;
    }
    return false;
}

Tcb& Kernel::start(Cpu& cpu, Tcb& thread) {
    first_thread_ = &thread;
    cpu_ = &cpu;
    scheduler.enqueue(thread);
    scheduler.choose_new();
    Tcb& next = next_thread();
    if (current().state == ThreadState::running_32 && &next != &current()) machine::end_32_bit(); // tests switch so
    return finish(next);
}

Tcb& Kernel::general_syscall() {
    on_syscall();
    return next_thread();
}

Tcb& Kernel::handle_other(Cpu& cpu, Event const& event) {
    cpu_ = &cpu;
    if (current().state == ThreadState::running_vm) on_guest_stop();
    std::visit(Overload{
                   [](SyscallEvent) { /* handle_syscall */ },
                   [&](PageFaultEvent fault) {
                       if (!start_upcall(current(), abi::UpcallCause::page_fault, 14, fault.error_code,
                                         fault.address.value))
                           raise(current(), Fault::vm(fault.address, fault.error_code));
                   },
                   [&](ExceptionEvent exception) {
                       if (!start_upcall(current(), abi::UpcallCause::exception, exception.vector,
                                         exception.error_code, 0))
                           raise(current(), Fault::user_exception(exception.vector, exception.error_code));
                   },
                   [&](InterruptEvent interrupt) { on_interrupt(interrupt.vector); },
                   [&](SoftwareInterruptEvent interrupt) {
                       i64 const number = static_cast<i64>(
                           static_cast<std::int32_t>(u32{interrupt.vector} << 24 |
                                                     (current().registers().rax & 0xffffff)));
                       // ABI 4.7: FaultIP points at the two-byte INT instruction.
                       current().registers().rip = current().context.next_ip - 2;
                       raise(current(), Fault::unknown_syscall(static_cast<u64>(number)));
                   },
                   [](VmExitEvent) { /* on_guest_stop saw to it */ },
                   [](Trap32Event const&) { /* handle_trap_32 */ },
               },
               event);
    return finish(next_thread());
}

// SYSCALL in a thread where not each is a system call. True: it was none.
bool Kernel::divert_syscall(Tcb& thread) {
    if (!thread.is_32_bit()) return start_upcall(thread, abi::UpcallCause::system_call, 0, 0, 0);
    on_wide_syscall(thread);
    return true;
}

void Kernel::on_syscall() {
    Tcb& thread = current();
    if (thread.upcall.entry && divert_syscall(thread)) return;
    auto const number = static_cast<i64>(thread.registers().rdx);
    switch (static_cast<abi::Syscall>(number)) {
    case abi::Syscall::call: return send(*this, thread, true, true);
    case abi::Syscall::reply_recv:
        reply_to_caller(*this, thread);
        return receive(*this, thread, true);
    case abi::Syscall::send: return send(*this, thread, true, false);
    case abi::Syscall::nb_send: return send(*this, thread, false, false);
    case abi::Syscall::recv: return receive(*this, thread, true);
    case abi::Syscall::reply: return reply_to_caller(*this, thread);
    case abi::Syscall::yield:
        scheduler.append(thread);
        return scheduler.choose_new();
    case abi::Syscall::nb_recv: return receive(*this, thread, false);
    case abi::Syscall::set_tls_base:
        if (u64 const base = thread.registers().rdi; is_canonical(base)) {
            thread.registers().fs_base = base;
            machine::load_segment_bases(base, thread.registers().gs_base);
        }
        return;
    case abi::Syscall::vm_enter:
        if (thread.vcpu) return enter_vm();
        break;
    case abi::Syscall::debug_put_char:
    case abi::Syscall::debug_dump_scheduler:
    case abi::Syscall::debug_halt:
    case abi::Syscall::debug_cap_identify:
    case abi::Syscall::debug_snapshot:
    case abi::Syscall::debug_name_thread:
        if (may_debug(thread)) return debug_syscall(static_cast<abi::Syscall>(number));
        break;
    }
    raise(thread, Fault::unknown_syscall(static_cast<u64>(number)));
}

void Kernel::on_interrupt(u8 vector) {
    if (vector == machine::timer_vector) {
        machine::end_of_interrupt();
        return on_tick();
    }
    unsigned const line = u32{vector} - machine::first_irq_vector;
    if (vector >= machine::first_irq_vector && line < IrqTable::vectors && irqs.in_use(line))
        irqs.deliver(*this, line);
    if (vector != machine::spurious_vector) machine::end_of_interrupt();
}

void Kernel::on_tick() {
    Tcb& thread = current();
    bool const runs = thread.state == ThreadState::running || thread.state == ThreadState::running_vm ||
                      thread.state == ThreadState::running_32;
    if (runs && thread.time_slice > 1) {
        --thread.time_slice;
    } else if (thread.state == ThreadState::running && !thread.upcall_grace &&
               start_upcall(thread, abi::UpcallCause::time_slice, 0, 0, 0)) {
        thread.upcall_grace = true; // one more tick to give up the processor by itself
    } else if (runs) {
        thread.upcall_grace = false;
        thread.time_slice = abi::time_slice_ticks;
        scheduler.append(thread);
        scheduler.choose_new();
    }
    if (abi::domains > 1 && domain_schedule.tick()) {
        scheduler.current_domain = domain_schedule.current_domain();
        scheduler.choose_new();
    }
    // finish() starts the tick again as soon as somebody needs it.
    if (abi::domains == 1 && !needs_tick(thread)) run_tick(false);
}

void Kernel::run_tick(bool on) {
    cpu_->tick_runs = on;
    machine::run_tick(on);
}

bool Kernel::preempted() {
    if (++work_units_ < options_.preemption_interval) return false;
    work_units_ = 0;
    return machine::interrupt_pending();
}

void Kernel::raise(Tcb& thread, Fault const& fault) {
    auto const found = lookup_slot(thread.cap(Tcb::cspace), thread.fault_handler, 64);
    auto const handler = found ? found->slot->cap().as<EndpointCap>() : std::nullopt;
    thread.fault = fault;
    if (handler && handler->rights.write() && handler->rights.call())
        return handler->object->send(*this, thread,
                                     {.badge = handler->badge,
                                      .can_grant = handler->rights.grant(),
                                      .can_grant_reply = true,
                                      .is_call = true,
                                      .blocking = true});
    if (options_.debug_calls != DebugCalls::none) log_unhandled_fault(thread);
    thread.fault = {};
    thread.state = ThreadState::inactive;
}

Tcb& Kernel::next_thread() {
    // Whoever is chosen anew gets the VSpace it has now, also the thread that ran: ABI 7.1, Configure.
    if (scheduler.choosing()) cpu_->stale |= Cpu::stale_space;
    return scheduler.decide(current(), cpu_->idle);
}

// A thread that continues at FaultIP; one in VMEnter, whose guest runs if it can; idle; or just running.
Tcb& Kernel::finish(Tcb& next) {
    if (next.state == ThreadState::restart) {
        next.context.next_ip = next.registers().rip;
        next.state = next.is_32_bit() ? ThreadState::running_32 : ThreadState::running;
    }
    if (next.state == ThreadState::running_vm) prepare_guest(next);
    if (next.state == ThreadState::running) {
        go_on_with(*cpu_, next);
        return next;
    }
    if (!cpu_->tick_runs && needs_tick(next)) run_tick(true);
    bool const another = &next != cpu_->current;
    cpu_->current = &next;
    if (next.state == ThreadState::running_32) {
        go_on_in_32_bit(next, another);
        return next;
    }
    if (another || (cpu_->stale & Cpu::stale_space)) load_address_space(*cpu_, next);
    if (another) machine::load_segment_bases(next.registers().fs_base, next.registers().gs_base);
    cpu_->stale = 0;
    if (next.state == ThreadState::idle) load_fpu(*cpu_, next);
    else if (cpu_->fpu_owner) release_fpu(*cpu_->fpu_owner, true); // the machine loads and saves the guest's with the guest
    return next;
}

// The thread goes on, but not all of its state may be loaded.
void Kernel::refresh(Tcb& thread) {
    if (cpu_->stale & Cpu::stale_space) load_address_space(*cpu_, thread);
    if (cpu_->stale & Cpu::stale_fpu) load_fpu(*cpu_, thread);
    cpu_->stale = 0;
}

std::optional<Pml4Cap> Kernel::live_space(Tcb const& thread) const {
    auto const root = thread.cap(Tcb::vspace).as<Pml4Cap>();
    if (!root || !root->mapped || asids.root(root->asid) != root->table) return std::nullopt;
    return root;
}

void Kernel::load_doubtful_address_space(Tcb const& thread) {
    auto const root = live_space(thread);
    cpu_->loaded_space = root ? thread.cap(Tcb::vspace).raw().high : 0;
    if (root) machine::load_address_space(machine::physical(root->table), root->asid);
    else machine::load_address_space(machine::kernel_address_space(), {});
}

void Kernel::release_fpu(Tcb& thread, bool save) {
    if (cpu_->fpu_owner != &thread) return;
    if (save) {
        machine::enable_fpu(true);
        machine::save_fpu(thread.context.fpu);
    }
    cpu_->fpu_owner = nullptr;
}

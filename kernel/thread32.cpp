// SPDX-License-Identifier: Apache-2.0
// Kernel extension 3, 32-bit threads: abi/thread32.hpp. Their state is running_32 where another's is running: so whoever goes to one
// passes through finish(), and the ways between 64-bit threads need not know of them.
#include <iterator>

#include "kernel/kernel.hpp"
#include "kernel/memory/composed_root.hpp"

Tcb& Kernel::handle_trap_32(Cpu& cpu, Trap32Event const& trap) {
    cpu_ = &cpu;
    Tcb* next = options_.fast_paths ? fast_path::trap_32(*this, trap) : nullptr;
    if (!next) {
        raise(current(), Fault::trap32(trap.event, trap.error_code, trap.address));
        next = &next_thread();
    }
    machine::end_32_bit(); // the thread waits now, or has stopped
    return finish(*next);
}

Tcb& Kernel::handle_interrupt_32(Cpu& cpu, InterruptEvent interrupt) {
    cpu_ = &cpu;
    Tcb const& thread = current();
    on_interrupt(interrupt.vector);
    Tcb& next = next_thread();
    if (&next != &thread) machine::end_32_bit();
    return finish(next);
}

void Kernel::go_on_in_32_bit(Tcb& thread, bool another) {
    bool const wide = thread.is_wide();
    abi::UserContext& registers = thread.registers();
    if (!wide) { // IRETQ would refuse more: somebody may have written the registers
        thread.context.next_ip = static_cast<u32>(thread.context.next_ip);
        registers.rsp = static_cast<u32>(registers.rsp);
    }
    load_space_32(thread, another);
    if (another) {
        u64 const bits = wide ? ~u64{0} : ~u32{0};
        machine::begin_32_bit(wide);
        machine::load_segment_bases(registers.fs_base & bits, registers.gs_base & bits);
    }
    load_fpu(*cpu_, thread);
    cpu_->stale = 0;
}

// SYSCALL has left the current thread as if it made a system call.
void Kernel::on_wide_syscall(Tcb& thread) {
    abi::UserContext& registers = thread.registers();
    registers.rip = registers.rcx = thread.context.next_ip;
    registers.r11 = registers.rflags;
    thread.context.restore_all = 1;
    raise(thread, Fault::trap32(abi::trap32::event_word::Syscall::mask, 0, 0));
    machine::end_32_bit(); // it waits now, or has stopped
}

// What a wide thread has from 512 GiB on: that of its VSpace now.
u64 Kernel::upper_entry(Tcb const& thread) const {
    Cap const& vspace = thread.cap(Tcb::vspace);
    if (vspace.is_mapped<Pml4Cap>() && !asids.lost_a_pool()) return vspace.get<Pml4Cap>().table->entries[1]; // load_address_space
    auto const root = live_space(thread);
    return root ? root->table->entries[1] : 0;
}

// The load leaves nothing in the TLB. What was unmapped since it was loaded the last time has been unmapped by another thread.
void Kernel::load_space_32(Tcb const& thread, bool another) {
    Cap const& shared = thread.cap(Tcb::shared_root);
    Cpu::Space32 const wanted{.root = thread.cap(Tcb::ept_root).raw().high,
                              .shared = shared.raw().high,
                              .first = shared.is_null() ? ~u64{0} : thread.first_shared,
                              .tables = guest_tags.tables(),
                              .visible = thread.shared_root_visible};
    bool const same = wanted == cpu_->space_32;
    if (!same) {
        u64 gibibytes[pdpt_entries_of_pae]{};
        if (auto const roots = roots_of_guest(asids, thread, GuestPaging::pae)) compose_lowest(*roots, gibibytes);
        if (!thread.shared_root_visible)
            for (u64 i = 0; i < std::size(gibibytes); ++i)
                if (i >= wanted.first >> level_shift::pdpt) gibibytes[i] = 0;
        machine::compose_space_32(gibibytes);
        cpu_->space_32 = wanted;
    }
    if (!same || another) {
        machine::load_space_32(thread.is_wide() ? upper_entry(thread) : 0);
        cpu_->loaded_space = Cpu::space_of_32_bit;
    }
}

// SPDX-License-Identifier: Apache-2.0
// The system call VMEnter, ABI 7.12. A thread that is in it (state running_vm) is scheduled like
// any other; when it is its turn, the processor runs its guest. Interrupts of the host stop the
// guest and let it go on later; the system call returns when the monitor has something to do: an
// exit, its notification, or because the thread is to stop.
#include "kernel/device/vcpu.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/kernel.hpp"

void Kernel::enter_vm() {
    Tcb& thread = current();
    Vcpu& vcpu = *thread.vcpu;
    vcpu.begin(thread.message_register(0), thread.message_register(1), thread.message_register(2));
    thread.state = ThreadState::running_vm;
    u64 word;
    if (thread.bound_notification && thread.bound_notification->take(word))
        end_vm_enter(thread, word);
}

void Kernel::end_vm_enter(Tcb& thread, u64 badge) {
    u64 words[abi::vm_message::words];
    thread.vcpu->message(words);
    for (unsigned i = 0; i <= abi::vm_message::entry_interruption; ++i)
        thread.set_message_register(i, words[i]);
    thread.badge_register() = badge;
    thread.info_register() = abi::vm_entry_notification;
    thread.state = ThreadState::running;
}

void Kernel::end_vm_enter_for_exit(Tcb& thread) {
    u64 words[abi::vm_message::words];
    thread.vcpu->message(words);
    abi::IpcBuffer* const buffer = thread.buffer(true);
    for (unsigned i = 0; i < abi::vm_message::words; ++i) {
        if (i < abi::register_message_words)
            thread.set_message_register(i, words[i]);
        else if (buffer)
            buffer->message[i] = words[i];
    }
    thread.info_register() = abi::vm_entry_exit;
    thread.state = ThreadState::running;
}

void Kernel::on_guest_stop() {
    Tcb& thread = current();
    cpu_->stale |= Cpu::stale_fpu;
    if (thread.vcpu->record_exit(guest_tags) == AfterExit::tell_monitor)
        end_vm_enter_for_exit(thread);
}

void Kernel::prepare_guest(Tcb& thread) {
    Vcpu& vcpu = *thread.vcpu;
    auto const roots = roots_of_guest(asids, thread, vcpu.paging());
    if (!roots) {
        vcpu.fail_entry();
        return end_vm_enter_for_exit(thread);
    }
    if (!vcpu.prepare(*roots, guest_tags, composed_root)) end_vm_enter_for_exit(thread);
}

void Kernel::unbind_vcpu(Vcpu& vcpu) {
    Tcb* const thread = vcpu.thread();
    if (thread && thread->state == ThreadState::running_vm) end_vm_enter(*thread, 0);
    vcpu.unbind();
}

// SPDX-License-Identifier: Apache-2.0
// Threads: their states against the queues they are in, what they are bound to, their registers, and who runs.
#include "kernel/device/vcpu.hpp"
#include "kernel/fuzz/inventory.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/notification.hpp"

struct SchedulerInspector {
    Scheduler const& scheduler;
    ThreadQueue const& queue(unsigned priority) const { return scheduler.ready_[0][priority]; }
    u64 occupied(unsigned word) const { return scheduler.occupied_[0].priorities[word]; }
    bool decided() const { return !scheduler.candidate_ && !scheduler.choose_new_; }
};

namespace fuzz {

namespace {

bool waits(Tcb const& tcb) { return tcb.blocking_object != nullptr; }

void check_blocking(Tcb const& tcb) {
    switch (tcb.state) {
    case ThreadState::blocked_on_send:
    case ThreadState::blocked_on_receive:
        return require(inventory.is_object(tcb.blocking_object, CapType::endpoint), "blocked on a dead endpoint");
    case ThreadState::blocked_on_notification:
        return require(inventory.is_object(tcb.blocking_object, CapType::notification), "blocked on a dead notification");
    default: break;
    }
    require(!waits(tcb), "a thread that is not blocked knows what it is blocked on");
    require(tcb.in_ready_queue || (!tcb.queue_next && !tcb.queue_previous), "a thread in no queue has links");
}

void check_bindings(Tcb const& tcb) {
    if (Notification const* const bound = tcb.bound_notification) {
        require(inventory.is_object(bound, CapType::notification), "bound to a dead notification");
        require(bound->bound() == &tcb, "a notification is bound one way");
    }
    if (Vcpu const* const vcpu = tcb.vcpu) {
        require(inventory.is_object(vcpu, CapType::vcpu), "bound to a dead Vcpu");
        require(vcpu->thread() == &tcb, "a Vcpu is bound one way");
    }
    require(tcb.vcpu || tcb.state != ThreadState::running_vm, "a thread without a Vcpu is in VMEnter");
}

void check_own_slots(Tcb const& tcb) {
    auto const holds = [&](Tcb::SlotIndex index, CapType type) {
        CapType const held = tcb.cap(index).type();
        return held == CapType::null || held == type || held == CapType::zombie;
    };
    require(holds(Tcb::cspace, CapType::cnode), "a CSpace that is no CNode");
    require(holds(Tcb::vspace, CapType::pml4), "a VSpace that is no PML4");
    require(holds(Tcb::reply_master, CapType::reply), "a reply master that is no reply capability");
    require(holds(Tcb::caller, CapType::reply), "a caller that is no reply capability");
    require(holds(Tcb::ipc_buffer, CapType::frame), "an IPC buffer that is no frame");
    require(holds(Tcb::ept_root, CapType::ept_pml4), "an EPT root that is none");
    require(holds(Tcb::shared_root, CapType::ept_pml4), "a shared root that is none");
    require(tcb.first_shared % (u64{1} << level_shift::pdpt) == 0, "a shared root that begins inside an entry", tcb.first_shared);
    if (auto const frame = tcb.cap(Tcb::ipc_buffer).as<FrameCap>()) {
        require(!frame->device, "an IPC buffer in device memory");
        require(tcb.ipc_buffer_address % sizeof(abi::IpcBuffer) == 0, "an IPC buffer that is not aligned");
    }
    auto const master = tcb.cap(Tcb::reply_master).as<ReplyCap>();
    require(!master || (master->master && master->caller == &tcb), "somebody else's reply master");
    auto const caller = tcb.cap(Tcb::caller).as<ReplyCap>();
    require(!caller || !caller->master, "a reply master as caller");
}

// What the return to user mode loads.
void check_registers(Tcb const& tcb) {
    constexpr u64 never_64 = ~u64{0xfff} | 1u << 3 | 1u << 5 | rflags::Trap::mask; // IOPL, NT, VM, AC ... lie above bit 11
    u64 const never = tcb.is_32_bit() ? ~(rflags::user | rflags::initial) : never_64;
    abi::UserContext const& registers = tcb.context.registers;
    require(is_canonical(tcb.context.next_ip) && is_canonical(registers.rip), "an instruction pointer that is not canonical");
    require(is_canonical(registers.fs_base) && is_canonical(registers.gs_base), "a segment base that is not canonical");
    require(!(registers.rflags & never), "flags that no user may have", registers.rflags);
    require(registers.rflags & rflags::InterruptEnable::mask, "a thread that interrupts cannot stop", registers.rflags);
    bool const in_32_bit = tcb.is_32_bit();
    u64 const code = tcb.is_wide() ? abi::selector32::wide_code : in_32_bit ? abi::selector32::code : selector::code;
    require(tcb.context.code_selector == code, "a code segment of the kernel");
    require(tcb.context.stack_selector == (in_32_bit ? abi::selector32::data : selector::data), "another stack segment than its code's");
    require(!in_32_bit || tcb.context.restore_all, "a 32-bit thread would be gone on with by SYSRET");
    bool const no_system_calls = tcb.upcall.entry > abi::user_top && tcb.upcall.range_end == 0 && tcb.upcall.causes == 0;
    require(in_32_bit == no_system_calls, "a 32-bit thread might make a system call, or another can make none");
}

// A 32-bit thread makes no system calls: only faults stop it.
void check_mode(Tcb const& tcb) {
    if (!tcb.is_32_bit()) return require(tcb.state != ThreadState::running_32, "a 64-bit thread runs as one of 32 bits");
    bool const possible = tcb.state == ThreadState::inactive || tcb.state == ThreadState::running_32 || tcb.state == ThreadState::restart ||
                          tcb.state == ThreadState::blocked_on_send || tcb.state == ThreadState::blocked_on_reply;
    require(possible, "a 32-bit thread is in a state that only system calls lead to", static_cast<u64>(tcb.state));
    require(!tcb.fault || tcb.fault.label == abi::FaultLabel::trap32, "a 32-bit thread has another fault than trap32");
}

// The head's chain, both ways; returns how many there are.
unsigned check_chain(ThreadQueue const& queue) {
    Tcb const* before = nullptr;
    unsigned count = 0;
    for (Tcb const* at = queue.head(); at; before = at, at = at->queue_next) {
        require(inventory.is_live(at), "a thread that does not exist is in a queue");
        require(at->queue_previous == before, "a queue of threads is not linked both ways");
        require(++count <= inventory.tcbs.size(), "a queue of threads has a cycle");
    }
    u64 tail;
    __builtin_memcpy(&tail, reinterpret_cast<std::byte const*>(&queue) + 8, sizeof tail);
    require(reinterpret_cast<Tcb const*>(tail & ~u64{3}) == before, "a queue's tail is not its last thread");
    return count;
}

unsigned check_waiters(ThreadQueue const& queue, void const* object, ThreadState state) {
    for (Tcb const* at = queue.head(); at; at = at->queue_next)
        require(at->state == state && at->blocking_object == object, "a thread waits in a queue without being blocked on it");
    return check_chain(queue);
}

void check_ready_queues() {
    SchedulerInspector const scheduler{world().kernel.scheduler};
    require(scheduler.decided(), "the scheduler left a decision open");
    unsigned ready = 0;
    int highest = -1;
    for (unsigned word = 0; word < abi::priorities / 64; ++word) {
        u64 occupied = 0;
        for (unsigned bit = 0; bit < 64; ++bit) {
            ThreadQueue const& queue = scheduler.queue(word * 64 + bit);
            if (queue.empty()) [[likely]] continue;
            occupied |= u64{1} << bit;
            highest = static_cast<int>(word * 64 + bit);
            ready += check_chain(queue);
            for (Tcb const* at = queue.head(); at; at = at->queue_next)
                require(at->in_ready_queue && at->priority == highest && at->domain == 0, "ready in the wrong queue");
        }
        require(scheduler.occupied(word) == occupied, "the bitmap of ready queues is wrong", word);
    }
    unsigned marked = 0;
    for (Tcb const* const tcb : inventory.tcbs) marked += tcb->in_ready_queue;
    require(marked == ready, "a thread counts as ready and is in no queue");
    Tcb const& current = world().current();
    if (&current == &world().cpu.idle) require(highest < 0, "the processor idles while a thread is ready");
    else require(current.priority >= highest, "a thread of higher priority waits", current.priority);
}

} // namespace

void check_threads() {
    Cpu const& cpu = world().cpu;
    Tcb const& current = world().current();
    bool const idle = &current == &cpu.idle;
    require(idle || inventory.is_live(&current), "the running thread does not exist any more");
    require(idle || current.state == ThreadState::running || current.state == ThreadState::running_vm ||
                current.state == ThreadState::running_32, "who runs is not running");
    require(cpu.idle.state == ThreadState::idle && !cpu.idle.in_ready_queue, "the idle thread is not what it was");
    for (Tcb const* const tcb : inventory.tcbs) {
        require(tcb->state < ThreadState::idle, "a thread in no state of a user's thread");
        bool const queued = tcb->runnable() && tcb != &current;
        require(tcb->in_ready_queue == queued, queued ? "a runnable thread is in no ready queue" : "a thread is in a ready queue");
        check_blocking(*tcb);
        bool const answers = tcb->state == ThreadState::blocked_on_send || tcb->state == ThreadState::blocked_on_reply;
        require(!tcb->fault || answers, "a thread that waits for no handler has a fault");
        require(tcb->domain == 0 && tcb->time_slice <= abi::time_slice_ticks, "a thread's share of time is wrong");
        check_bindings(*tcb);
        check_own_slots(*tcb);
        check_registers(*tcb);
        check_mode(*tcb);
    }
    for (Vcpu const* const vcpu : inventory.vcpus)
        require(!vcpu->thread() || (inventory.is_live(vcpu->thread()) && vcpu->thread()->vcpu == vcpu), "a dead thread's Vcpu");
}

void check_queues() {
    check_ready_queues();
    unsigned waiting = 0;
    for (Endpoint const* const endpoint : inventory.endpoints) {
        auto const& queue = *reinterpret_cast<ThreadQueue const*>(endpoint);
        require((endpoint->state() == Endpoint::State::idle) == queue.empty(), "an endpoint's state is not its queue's");
        bool const sending = endpoint->state() == Endpoint::State::sending;
        waiting += check_waiters(queue, endpoint, sending ? ThreadState::blocked_on_send : ThreadState::blocked_on_receive);
    }
    for (Notification const* const notification : inventory.notifications) {
        auto const& queue = *reinterpret_cast<ThreadQueue const*>(notification);
        require((notification->state() == Notification::State::waiting) == !queue.empty(), "a notification's state is not its queue's");
        waiting += check_waiters(queue, notification, ThreadState::blocked_on_notification);
        Tcb const* const bound = notification->bound();
        require(!bound || (inventory.is_live(bound) && bound->bound_notification == notification), "bound to a dead thread");
    }
    unsigned blocked = 0;
    for (Tcb const* const tcb : inventory.tcbs) blocked += waits(*tcb);
    require(blocked == waiting, "a blocked thread is in no queue");
    for (u32 const index : inventory.others) {
        Slot const* const slot = inventory.slots[index].slot;
        auto const reply = slot->cap().as<ReplyCap>();
        if (!reply) continue;
        require(inventory.is_live(reply->caller), "a reply capability to a dead thread");
        Slot const* const master = &reply->caller->slot(Tcb::reply_master);
        if (reply->master) {
            require(master == slot && !slot->previous(), "a reply master has moved");
            continue;
        }
        require(reply->caller->state == ThreadState::blocked_on_reply, "a reply capability to a thread that waits for none");
        // One child at most: so a caller has one reply capability at most.
        require(slot->previous() == master && !slot->next(), "a second reply capability for one call");
    }
}

} // namespace fuzz

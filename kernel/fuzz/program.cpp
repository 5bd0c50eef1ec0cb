// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/program.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel/device/vcpu.hpp"
#include "kernel/fuzz/inventory.hpp"
#include "kernel/fuzz/invariants.hpp"
#include "kernel/fuzz/invocations.hpp"

namespace fuzz {

Count count;

namespace {

struct Progress {
    u8 const* bytes;
    unsigned records, at;
    bool running;
} progress;

Record record_at(unsigned i) {
    Record record;
    std::memcpy(&record, progress.bytes + i * sizeof(Record), sizeof record);
    return record;
}

// The record's words, as they are: for messages, registers and IPC buffers.
u64 number_of(Record const& record, unsigned i) {
    u16 const code = record.arguments[i % std::size(record.arguments)];
    return code < 0x8000 ? code & 0xff : odd_number(code, record.raw + i);
}

class User {
public:
    explicit User(Record const& record) : record_(record) {}

    void act() {
        machine_state.interrupt_pending = (record_.flags & 3) == 3;
        choose_thread();
        Tcb& thread = world().current();
        auto const operation = static_cast<Operation>(record_.operation % static_cast<u8>(Operation::count));
        if (thread.state == ThreadState::running_vm) return operation == Operation::interrupt ? interrupt() : stop_guest(thread);
        if (operation == Operation::interrupt) return interrupt();
        if (thread.state == ThreadState::idle) return;
        run_code(thread);
        if (thread.state == ThreadState::running_32) return trap_32(thread);
        bool const repeats = thread.context.next_ip == thread_stands_at_call && !(record_.flags & flag::anew);
        switch (repeats && operation != Operation::fault ? Operation::repeat : operation) {
        case Operation::invoke:
        case Operation::invoke_more:
        case Operation::invoke_most: return invoke(thread);
        case Operation::send: return send();
        case Operation::receive: return receive(thread);
        case Operation::other_call: return other_call();
        case Operation::enter_guest: return enter_guest();
        case Operation::repeat: return repeat(thread);
        case Operation::fault: return fault(thread);
        case Operation::touch: return touch(thread);
        case Operation::interrupt:
        case Operation::count: break;
        }
    }

private:
    static constexpr u64 thread_stands_at_call = code_address;

    // As if the thread had been given the running one's priority, and the running one had yielded.
    void choose_thread() {
        if (record_.actor < 0xa0 || inventory.tcbs.size() == 0) return;
        Tcb& thread = *inventory.tcbs[record_.actor % inventory.tcbs.size()];
        Tcb const& current = world().current();
        if (&thread == &current || !thread.in_ready_queue) return;
        Scheduler& scheduler = world().kernel.scheduler;
        scheduler.dequeue(thread);
        if (thread.priority < current.priority) thread.priority = current.priority;
        machine_state.invalidations.clear();
        static_cast<void>(world().kernel.start(world().cpu, thread));
    }

    // What a thread does without the kernel: it uses the FPU, and comes back from upcalls.
    void run_code(Tcb& thread) {
        if (machine_state.fpu_enabled) {
            Tcb const* const mark = &thread;
            std::memcpy(machine_state.fpu + 160, &mark, sizeof mark);
        }
        if (thread.upcall.entry && record_.flags & flag::upcall_done)
            if (abi::UpcallBlock* const block = thread.upcall_block()) block->active = 0;
        if (!(record_.flags & flag::receive_slot)) return;
        abi::IpcBuffer* const buffer = thread.buffer(true);
        if (!buffer) return;
        Space const space(thread.cap(Tcb::cspace));
        buffer->receive_cnode = space.capability(CapType::cnode, record_.extra[0] & 0xff);
        Slot const* const node = space.found(buffer->receive_cnode);
        Place const place = node ? place_in(node->cap(), true, record_.extra[1]) : Place{0, 0};
        buffer->receive_index = place.index;
        buffer->receive_depth = place.depth;
    }

    u64 where() const { return record_.flags & flag::in_library ? library_start + 0x10 : code_address; }
    void call(abi::Syscall number, u64 rdi, Message const& message) { call(static_cast<i64>(number), rdi, message); }
    void call(i64 number, u64 rdi, Message const& message) {
        ++count.system_calls;
        system_call(number, rdi, message, where());
    }
    void event(Event const& event) {
        ++count.events;
        Tcb& thread = world().current();
        if (thread.state != ThreadState::idle && thread.state != ThreadState::running_vm) {
            thread.registers().rip = thread.context.next_ip; // the interrupted instruction
            thread.context.restore_all = 1;
        }
        enter(event);
    }

    void invoke(Tcb& thread) {
        u64 cap;
        Message const message = compose(record_, thread, cap);
        bool const silent = (record_.flags & 0x700) == 0x700;
        call(silent ? (record_.flags & 0x800 ? abi::Syscall::send : abi::Syscall::nb_send) : abi::Syscall::call, cap, message);
    }
    u64 pointer(CapType type) const {
        Space const space(world().current().cap(Tcb::cspace));
        if (is_odd(record_.capability)) return odd_number(record_.capability, record_.raw);
        if (record_.capability >= 0xd000) return space.slot(record_.capability);
        return space.capability(type, record_.capability & 0xff);
    }
    Message any_message() const {
        Message message{.label = record_.raw & 3, .length = record_.shape % 9u, .words = {}, .cap_count = u32{record_.shape} >> 6, .caps = {}};
        if (record_.shape == 0x3f) message.length = abi::max_message_words;
        if (record_.flags & 0x1000) message.label = 0;
        for (unsigned i = 0; i < message.length; ++i) message.words[i] = number_of(record_, i);
        Space const space(world().current().cap(Tcb::cspace));
        for (unsigned i = 0; i < message.cap_count; ++i)
            message.caps[i] = is_odd(record_.extra[i]) ? odd_number(record_.extra[i], record_.raw) : space.slot(record_.extra[i]);
        return message;
    }
    void send() {
        constexpr abi::Syscall calls[] = {abi::Syscall::call, abi::Syscall::send, abi::Syscall::nb_send, abi::Syscall::call};
        constexpr CapType types[] = {CapType::endpoint, CapType::endpoint, CapType::notification, CapType::reply};
        call(calls[record_.label & 3], pointer(types[record_.label >> 2 & 3]), any_message());
    }
    void receive(Tcb& thread) {
        constexpr abi::Syscall calls[] = {abi::Syscall::recv, abi::Syscall::reply_recv, abi::Syscall::reply_recv, abi::Syscall::nb_recv,
                                          abi::Syscall::reply};
        bool const waits = record_.label & 0x80;
        Message message = any_message();
        if (!thread.cap(Tcb::caller).is<ReplyCap>()) message.cap_count = 0;
        call(calls[record_.label % std::size(calls)], pointer(waits ? CapType::notification : CapType::endpoint), message);
    }
    void other_call() {
        constexpr abi::Syscall calls[] = {abi::Syscall::yield, abi::Syscall::yield, abi::Syscall::set_tls_base, abi::Syscall::debug_put_char,
                                          abi::Syscall::debug_dump_scheduler, abi::Syscall::debug_cap_identify,
                                          abi::Syscall::debug_snapshot, abi::Syscall::debug_name_thread, abi::Syscall::yield};
        Message const message = any_message();
        if (record_.label >= 0xe0) return call(static_cast<i64>(odd_number(record_.arguments[0], record_.raw)), number_of(record_, 1), message);
        abi::Syscall const number = calls[record_.label % std::size(calls)];
        u64 const argument = number == abi::Syscall::set_tls_base ? number_of(record_, 0) : pointer(CapType::tcb);
        call(number, argument, message);
    }
    void enter_guest() {
        Message message{.label = 0, .length = 3, .words = {}, .cap_count = 0, .caps = {}};
        message.words[0] = number_of(record_, 0);
        message.words[1] = record_.raw;
        message.words[2] = record_.arguments[2] < 0xc000 ? 0 : 0x80000000 | number_of(record_, 3);
        call(abi::Syscall::vm_enter, 0, message);
    }
    // The processor leaves the guest: everything in the block that it writes may be anything.
    void stop_guest(Tcb& thread) {
        svm::Vmcb& vmcb = thread.vcpu->vmcb();
        constexpr u64 codes[] = {svm::exit_code::interrupt, svm::exit_code::cpuid, svm::exit_code::nested_page_fault, svm::exit_code::invalid,
                                 svm::exit_code::io, svm::exit_code::msr, svm::exit_code::hlt, svm::exit_code::xsetbv};
        vmcb.exit_code = record_.label & 0x80 ? record_.label & 0x7fu : codes[record_.label & 7];
        if (record_.label == 0x7f) vmcb.exit_code = record_.raw;
        vmcb.exit_info1 = number_of(record_, 0);
        vmcb.exit_info2 = number_of(record_, 1);
        vmcb.exit_interrupt_info = record_.arguments[2] < 0xc000 ? 0 : 0x80000000 | number_of(record_, 2);
        vmcb.rip = number_of(record_, 3);
        vmcb.next_rip = vmcb.rip + record_.arguments[4] % 16;
        vmcb.rflags = number_of(record_, 5) | 2;
        vmcb.cr3 = number_of(record_, 6);
        vmcb.cpl = record_.arguments[7] & 3;
        vmcb.rax = record_.raw;
        vmcb.interrupt_shadow = record_.arguments[8] & 1;
        ++count.events;
        if (static_cast<u32>(vmcb.exit_code) == svm::exit_code::interrupt) return enter(InterruptEvent{interrupt_vector()});
        enter(VmExitEvent{});
    }

    void repeat(Tcb& thread) {
        ++count.system_calls;
        thread.registers().rip = thread.context.next_ip;
        thread.context.next_ip += 2;
        thread.context.restore_all = 0;
        enter(SyscallEvent{});
    }
    u8 interrupt_vector() const {
        if (record_.label & 1) return machine::timer_vector;
        u8 const vector = record_.label & 2 ? static_cast<u8>(record_.raw) : static_cast<u8>(machine::first_irq_vector + (record_.label >> 2) % 8);
        return vector < 0x20 ? machine::timer_vector : vector; // below are exceptions
    }
    void interrupt() {
        Tcb& thread = world().current();
        if (thread.state == ThreadState::running_vm) {
            thread.vcpu->vmcb().exit_code = svm::exit_code::interrupt;
            thread.vcpu->vmcb().exit_interrupt_info = 0;
        }
        event(InterruptEvent{interrupt_vector()});
    }
    void fault(Tcb& thread) {
        switch (record_.label % 3) {
        case 0: return event(PageFaultEvent{{number_of(record_, 0)}, record_.arguments[1] & 31u});
        case 1: return event(ExceptionEvent{static_cast<u8>(record_.arguments[0] % 20), number_of(record_, 1)});
        default:
            thread.context.next_ip = where() + 2;
            return event(SoftwareInterruptEvent{static_cast<u8>(158 + record_.arguments[0] % 97)});
        }
    }
    void trap_32(Tcb& thread) {
        using namespace abi::trap32::event_word;
        u64 const vector = Vector::make(record_.arguments[0] % 32);
        if (thread.is_wide() && record_.label % 8 == 7) return call(static_cast<i64>(number_of(record_, 0)), number_of(record_, 1), any_message());
        u64 const at = number_of(record_, 1);
        thread.context.next_ip = !thread.is_wide() ? static_cast<u32>(at) : is_canonical(at) ? at : 0;
        u64 const event_word = record_.label % 3 == 0 ? vector : record_.label % 3 == 1 ? vector | Software::mask : Syscall::mask;
        event(Trap32Event{event_word, number_of(record_, 2), number_of(record_, 3)});
    }
    void touch(Tcb& thread) const {
        abi::IpcBuffer* const buffer = thread.buffer(true);
        if (!buffer) return;
        auto* const words = reinterpret_cast<u64*>(buffer);
        for (unsigned i = 0; i < 4; ++i) words[record_.arguments[i] % (sizeof *buffer / 8)] = odd_number(record_.arguments[i + 4], record_.raw);
        buffer->receive_depth = record_.arguments[8] % 66u;
    }

    Record const record_;
};

} // namespace

void run_program(u8 const* bytes, u64 size) {
    reset_world();
    progress = {bytes, static_cast<unsigned>(std::min<u64>(size / sizeof(Record), longest_program)), 0, true};
    try {
        for (; progress.at < progress.records; ++progress.at) User(record_at(progress.at)).act();
        invariants::check_unused_memory();
    } catch (Halted) { // the user's wish: DebugHalt
    }
    progress.running = false;
    ++count.programs;
}

void print_program() {
    if (!progress.running) return;
    std::fprintf(stderr, "record %u of %u, after %llu system calls in all:\n", progress.at, progress.records,
                 static_cast<unsigned long long>(count.system_calls));
    for (unsigned i = 0; i <= progress.at && i < progress.records; ++i) {
        Record const record = record_at(i);
        std::fprintf(stderr, "  %3u: operation %u actor %02x label %u (0x%llx) shape %02x capability %04x flags %04x\n", i,
                     record.operation % static_cast<unsigned>(Operation::count), record.actor,
                     static_cast<unsigned>(record.label % invocations().size()),
                     static_cast<unsigned long long>(invocations()[record.label % invocations().size()].label), record.shape,
                     record.capability, record.flags);
    }
}

void stop(char const* why, u64 value) {
    std::fprintf(stderr, "fuzz: %s: 0x%llx\n", why, static_cast<unsigned long long>(value));
    print_program();
    std::abort();
}

} // namespace fuzz

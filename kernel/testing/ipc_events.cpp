// SPDX-License-Identifier: Apache-2.0
// What happens in an IpcWorld: registers and buffers near the shapes that matter, and now and then anything.
#include <algorithm>
#include <sstream>

#include "kernel/device/vcpu.hpp"
#include "kernel/testing/ipc_world.hpp"

using namespace abi::initial_slot;

char const* name_of(IpcEvent event) {
    switch (event) {
    case IpcEvent::call: return "Call";
    case IpcEvent::reply_recv: return "ReplyRecv";
    case IpcEvent::send: return "Send";
    case IpcEvent::nb_send: return "NBSend";
    case IpcEvent::recv: return "Recv";
    case IpcEvent::reply: return "Reply";
    case IpcEvent::yield: return "Yield";
    case IpcEvent::nb_recv: return "NBRecv";
    case IpcEvent::invocation: return "invocation";
    case IpcEvent::other_syscall: return "other system call";
    case IpcEvent::page_fault: return "page fault";
    case IpcEvent::exception: return "exception";
    case IpcEvent::software_interrupt: return "software interrupt";
    case IpcEvent::tick: return "tick";
    case IpcEvent::interrupt: return "interrupt";
    case IpcEvent::guest_stop: return "VM exit";
    case IpcEvent::trap_32: return "trap of a 32-bit thread";
    case IpcEvent::count: break;
    }
    return "?";
}

namespace {

u64 message_length(Random& random) {
    switch (random.pick(10)) {
    case 0: return 5 + random.pick(4);
    case 1: return random.pick(121);
    case 2: return random.pick_of<u64>({19, 20, 119, 120, 121, 127});
    default: return random.pick(5);
    }
}

u64 info_word(Random& random) {
    u64 const label = random.pick(4) ? 0 : random.pick(3) ? random.pick(60) : random.word();
    u64 const caps = random.pick(6) ? 0 : random.pick(4);
    u64 const unwrapped = random.pick(8) ? 0 : random.pick(8);
    return label << 12 | unwrapped << 9 | caps << 7 | message_length(random);
}

} // namespace

CPtr IpcWorld::send_target(Random& random) {
    switch (random.pick(12)) {
    case 0:
    case 1:
    case 2: return random.pick_in(notification_caps_[random.pick(notifications)]);
    case 3: return any_target(random);
    default: break;
    }
    // One where somebody waits, rather.
    u64 index = random.pick(endpoints);
    for (unsigned i = 0; i < endpoints && random.pick(8); ++i, index = (index + 1) % endpoints)
        if (world_.at<Endpoint>(endpoint_caps_[index][0]).state() == Endpoint::State::receiving) break;
    auto const& caps = endpoint_caps_[index];
    return random.pick(2) ? caps[random.pick(2)] : random.pick_in(caps);
}

CPtr IpcWorld::receive_target(Random& random) {
    switch (random.pick(12)) {
    case 0:
    case 1:
    case 2: return random.pick_in(notification_caps_[random.pick(notifications)]);
    case 3: return any_target(random);
    default: break;
    }
    auto const& caps = endpoint_caps_[random.pick(endpoints)];
    return random.pick(2) ? caps[random.pick(2)] : random.pick_in(caps);
}

CPtr IpcWorld::any_target(Random& random) {
    switch (random.pick(4)) {
    case 0: return random.pick_in(empty_slots_); // empty, or a reply that was saved, or a capability that was received
    case 1: return random.pick_in(members_).thread->cptr();
    case 2: return random.pick_of<CPtr>({cnode, vspace, inner_cnode_, irq_control, 0, world_.root_size(), ~u64{0}});
    default: return random.pick(world_.root_size());
    }
}

void IpcWorld::fill_registers(Tcb& thread, Random& random) {
    abi::UserContext& registers = thread.registers();
    for (u64 abi::UserContext::*const member :
         {&abi::UserContext::rsp, &abi::UserContext::rax, &abi::UserContext::rbx, &abi::UserContext::rcx, &abi::UserContext::rbp,
          &abi::UserContext::r8, &abi::UserContext::r9, &abi::UserContext::r10, &abi::UserContext::r11, &abi::UserContext::r12,
          &abi::UserContext::r13, &abi::UserContext::r14, &abi::UserContext::r15})
        registers.*member = random.word();
    registers.rflags = rflags::initial | (random.word() & 0xcd5);
    if (world_.machine.fpu_enabled)
        for (unsigned i = 0; i < 4; ++i) world_.machine.fpu[random.pick(sizeof world_.machine.fpu)] = static_cast<std::byte>(random.word());
}

void IpcWorld::fill_buffer(Member const& member, Random& random) {
    abi::IpcBuffer* const buffer = member.thread->tcb().buffer(false);
    if (!buffer) return;
    for (unsigned i = 0; i < 3; ++i) buffer->message[4 + random.pick(abi::max_message_words - 4)] = random.word();
    for (u64& cap : buffer->caps_or_badges)
        cap = address(member, random.pick(4) ? random.pick_in(endpoint_caps_[random.pick(endpoints)]) : any_target(random), random);
    if (random.pick(3)) return;
    buffer->receive_cnode = address(member, random.pick(6) ? cnode : any_target(random), random);
    buffer->receive_index = random.pick(6) ? random.pick_in(empty_slots_) : any_target(random);
    buffer->receive_depth = random.pick(6) ? 64 : random.pick(66);
    auto* const block = reinterpret_cast<abi::UpcallBlock*>(buffer + 1);
    block->active = random.pick(3) == 0; // user level clears it when it has dealt with an upcall
}

IpcWorld::Member* IpcWorld::choose_actor(Random& random) {
    Tcb& current = world_.current();
    if (current.state != ThreadState::idle && random.pick(3)) return member_of(current);
    u64 const start = random.pick(threads);
    for (unsigned i = 0; i < threads; ++i) {
        Member& member = members_[(start + i) % threads];
        if (!member.thread->tcb().runnable()) continue;
        world_.run(member.thread->tcb());
        return &member;
    }
    return nullptr;
}

IpcEvent IpcWorld::choose_event(Tcb const& thread, Random& random) {
    if (thread.state == ThreadState::running_vm)
        return random.pick_of({IpcEvent::tick, IpcEvent::interrupt, IpcEvent::guest_stop});
    if (thread.is_wide() && random.one_in(4)) return random.pick(2) ? IpcEvent::call : IpcEvent::other_syscall;
    if (thread.state == ThreadState::running_32)
        return random.pick_of({IpcEvent::trap_32, IpcEvent::trap_32, IpcEvent::trap_32, IpcEvent::tick, IpcEvent::interrupt});
    if (thread.vcpu && random.pick(2)) return IpcEvent::other_syscall;
    bool const has_caller = !thread.slots[Tcb::caller].empty();
    if (has_caller && random.pick(3)) return random.pick(3) ? IpcEvent::reply_recv : IpcEvent::reply;
    // Most messages go to somebody who waits: first somebody has to.
    bool const somebody_waits = std::any_of(std::begin(endpoint_caps_), std::end(endpoint_caps_), [&](auto const& caps) {
        return world_.at<Endpoint>(caps[0]).state() == Endpoint::State::receiving;
    });
    if (!somebody_waits && random.pick(3)) return random.pick(4) ? IpcEvent::recv : IpcEvent::reply_recv;
    static constexpr IpcEvent choices[] = {
        IpcEvent::call,       IpcEvent::call,          IpcEvent::call,       IpcEvent::call,      IpcEvent::call,
        IpcEvent::reply_recv, IpcEvent::reply_recv,    IpcEvent::reply_recv, IpcEvent::send,      IpcEvent::send,
        IpcEvent::send,       IpcEvent::nb_send,       IpcEvent::recv,       IpcEvent::recv,      IpcEvent::recv,
        IpcEvent::reply,      IpcEvent::yield,         IpcEvent::nb_recv,    IpcEvent::invocation, IpcEvent::invocation,
        IpcEvent::page_fault, IpcEvent::page_fault,    IpcEvent::exception,  IpcEvent::other_syscall,
        IpcEvent::tick,       IpcEvent::interrupt,     IpcEvent::software_interrupt,
    };
    return random.pick_of(choices);
}

// TCB and CNode operations on what takes part in IPC: stopping, resuming, priorities, reply capabilities.
void IpcWorld::prepare_invocation(Member& member, Random& random) {
    Tcb& thread = member.thread->tcb();
    abi::IpcBuffer* const buffer = thread.buffer(false);
    Member const& other = random.pick_in(members_);
    CPtr const slot = random.pick_in(empty_slots_);
    auto const ask = [&](CPtr target, Label label, Words const& words, std::vector<CPtr> const& caps = {}) {
        thread.registers().rdi = address(member, target, random);
        thread.info_register() = abi::MessageInfo::make(static_cast<u64>(label), words.size(), caps.size()).word;
        for (unsigned i = 0; i < words.size(); ++i) {
            if (i < abi::register_message_words) thread.set_message_register(i, words[i]);
            else if (buffer) buffer->message[i] = words[i];
        }
        for (unsigned i = 0; buffer && i < caps.size(); ++i) buffer->caps_or_badges[i] = address(member, caps[i], random);
    };
    CPtr const target = other.thread->cptr();
    switch (random.pick(11)) {
    case 0: return ask(target, Label::tcb_suspend, {});
    case 1:
    case 2: return ask(target, Label::tcb_resume, {});
    case 3: return ask(target, Label::tcb_set_priority, {9 + random.pick(3)}, {tcb});
    case 4: return ask(target, Label::tcb_set_flags, {random.pick(4), random.pick(4)});
    case 5: return ask(target, Label::tcb_bind_notification, {}, {notification_caps_[random.pick(notifications)][0]});
    case 6: return ask(target, Label::tcb_unbind_notification, {});
    case 7: return ask(cnode, Label::cnode_delete, {slot, 64});
    case 8: {
        CPtr const from = random.pick_in(endpoint_caps_[random.pick(endpoints)]);
        return ask(cnode, Label::cnode_mint, {slot, 64, from, 64, random.pick(16), random.pick(4)}, {cnode});
    }
    default: return ask(cnode, Label::cnode_save_caller, {slot, 64});
    }
}

Event IpcWorld::prepare(IpcEvent kind, Member& member, Random& random) {
    Tcb& thread = member.thread->tcb();
    if (thread.state == ThreadState::running_vm) { // the guest's registers are elsewhere
        thread.vcpu->vmcb().exit_code = kind == IpcEvent::guest_stop
                                            ? random.pick_of({svm::exit_code::cpuid, svm::exit_code::nested_page_fault})
                                            : svm::exit_code::interrupt;
        thread.vcpu->vmcb().exit_interrupt_info = 0;
    } else {
        fill_registers(thread, random);
        fill_buffer(member, random);
    }
    u64 const at = random.pick_of<u64>({0x400000, 0x400ff8, 0x500ffe, 0x501000});
    bool const by_syscall = kind <= IpcEvent::other_syscall;
    if (thread.state != ThreadState::running_vm) {
        thread.registers().rip = at;
        thread.context.next_ip = by_syscall ? at + 2 : at;
        thread.context.restore_all = by_syscall ? 0 : 1;
        thread.registers().rdi = random.word();
        thread.info_register() = info_word(random);
    }
    auto const syscall = [&](abi::Syscall number, CPtr target) {
        thread.registers().rdx = static_cast<u64>(number);
        thread.registers().rdi = random.one_in(40) ? random.word() : address(member, target, random);
        return SyscallEvent{};
    };
    switch (kind) {
    case IpcEvent::call: return syscall(abi::Syscall::call, send_target(random));
    case IpcEvent::reply_recv: return syscall(abi::Syscall::reply_recv, receive_target(random));
    case IpcEvent::send: return syscall(abi::Syscall::send, send_target(random));
    case IpcEvent::nb_send: return syscall(abi::Syscall::nb_send, send_target(random));
    case IpcEvent::recv: return syscall(abi::Syscall::recv, receive_target(random));
    case IpcEvent::reply: return syscall(abi::Syscall::reply, any_target(random));
    case IpcEvent::yield: return syscall(abi::Syscall::yield, 0);
    case IpcEvent::nb_recv: return syscall(abi::Syscall::nb_recv, receive_target(random));
    case IpcEvent::invocation:
        syscall(random.pick(8) ? abi::Syscall::call : abi::Syscall::send, cnode);
        prepare_invocation(member, random);
        return SyscallEvent{};
    case IpcEvent::other_syscall: {
        static constexpr i64 numbers[] = {static_cast<i64>(abi::Syscall::set_tls_base), static_cast<i64>(abi::Syscall::debug_cap_identify),
                                          -15, 0, 1, 39};
        i64 const number = thread.vcpu && random.pick(8) ? static_cast<i64>(abi::Syscall::vm_enter) : random.pick_of(numbers);
        thread.registers().rdx = static_cast<u64>(random.pick(16) ? number : static_cast<i64>(random.word()));
        return SyscallEvent{};
    }
    case IpcEvent::page_fault: return PageFaultEvent{{random.word() >> 16}, random.pick(32)};
    case IpcEvent::exception: return ExceptionEvent{static_cast<u8>(random.pick(14)), random.pick(2) ? random.word() >> 32 : 0};
    case IpcEvent::software_interrupt: return SoftwareInterruptEvent{static_cast<u8>(158 + random.pick(97))};
    case IpcEvent::tick: return InterruptEvent{machine::timer_vector};
    case IpcEvent::interrupt: return InterruptEvent{static_cast<u8>(machine::first_irq_vector + 3 + random.pick(2))};
    case IpcEvent::trap_32: return Trap32Event{random.pick(1024), random.word() >> 32, random.word() >> 32};
    case IpcEvent::guest_stop:
    case IpcEvent::count: break;
    }
    return VmExitEvent{};
}

std::optional<IpcWorld::Happening> IpcWorld::next(Random& random) {
    ++steps_;
    Member* const member = choose_actor(random);
    if (!member) {
        if (random.pick(3) || world_.current().state != ThreadState::idle) return std::nullopt;
        IpcEvent const kind = random.pick_of({IpcEvent::tick, IpcEvent::interrupt});
        u8 const vector = kind == IpcEvent::tick ? machine::timer_vector : static_cast<u8>(machine::first_irq_vector + 3);
        return Happening{kind, InterruptEvent{vector}};
    }
    IpcEvent const kind = choose_event(member->thread->tcb(), random);
    Event const event = prepare(kind, *member, random);
    auto& loads = world_.machine.loads; // the last is what the machine knows to be loaded
    if (!loads.empty()) loads.erase(loads.begin(), loads.end() - 1);
    world_.machine.invalidations.clear();
    world_.machine.port_accesses.clear();
    world_.machine.console.clear();
    return Happening{kind, event};
}

std::string IpcWorld::describe(Happening const& happening) {
    std::ostringstream out;
    Member const* const member = member_of(world_.current());
    out << name_of(happening.kind);
    if (!member) return out.str() + ", nobody runs";
    abi::UserContext const& registers = world_.current().registers();
    out << " of thread " << member - members_.data() << std::hex << ": rdx 0x" << registers.rdx << ", rdi 0x" << registers.rdi
        << ", rsi 0x" << registers.rsi << ", rip 0x" << registers.rip << ", capability space of form " << member->cspace;
    return out.str();
}

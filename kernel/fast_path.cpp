// SPDX-License-Identifier: Apache-2.0
#include "kernel/fast_path.hpp"

#include "kernel/capability/derivation.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/fault_message.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/ipc/transfer.hpp"
#include "kernel/kernel.hpp"

namespace fast_path {
namespace {

static_assert(abi::domains == 1, "whoever is woken could run next");

// Words only; the message carries no capabilities.
[[gnu::always_inline]] inline void pass_message(Tcb const& sender, abi::MessageInfo info, u64 badge, Tcb& receiver) {
    u64 const length = pass_words(sender, info.length(), receiver);
    receiver.info_register() = abi::MessageInfo::make(info.label(), length).word;
    receiver.badge_register() = badge;
}

// The same for a capability space of several CNodes.
[[gnu::noinline]] Cap const* level_by_level(Cap const& root, u64 address) {
    auto const found = lookup_slot(root, address, 64);
    return found ? &found->slot->cap() : nullptr;
}

// What the current thread's capability address in rdi names; null: the general way finds out.
[[gnu::always_inline]] inline Cap const* invoked_cap(Tcb& self) {
    Cap const& root = self.cap(Tcb::cspace);
    u64 const address = self.registers().rdi;
    if (Slot const* const slot = lookup_at_once(root, address)) [[likely]] return &slot->cap();
    return level_by_level(root, address);
}

// A Call to a thread that waits at the endpoint.
[[gnu::always_inline]] inline Tcb* call(Kernel& kernel, Tcb& self) {
    Cap const* const cap = invoked_cap(self);
    if (!cap || !cap->is<EndpointCap>()) return nullptr;
    auto const endpoint = cap->get<EndpointCap>();
    abi::MessageInfo const info{self.info_register()};
    if (!endpoint.rights.write() || !endpoint.rights.call() || info.extra_caps() != 0 ||
        endpoint.object->state() != Endpoint::State::receiving)
        return nullptr;
    Tcb& receiver = endpoint.object->take_head();
    pass_message(self, info, endpoint.badge, receiver);
    receiver.state = ThreadState::running;
    give_reply(self, receiver, receiver.blocked_can_grant);
    return &kernel.scheduler.after_blocking(self, receiver);
}

// Send and NBSend to a thread that waits, or NBSend to nobody; Signal.
Tcb* send(Kernel& kernel, Tcb& self, bool blocking) {
    Cap const* const cap = invoked_cap(self);
    abi::MessageInfo const info{self.info_register()};
    if (!cap || info.extra_caps() != 0) return nullptr;
    if (cap->is<EndpointCap>()) {
        auto const endpoint = cap->get<EndpointCap>();
        if (!endpoint.rights.write()) return nullptr;
        if (endpoint.object->state() != Endpoint::State::receiving) return blocking ? nullptr : &self;
        Tcb& receiver = endpoint.object->take_head();
        pass_message(self, info, endpoint.badge, receiver);
        receiver.state = ThreadState::running;
        return &kernel.scheduler.beside_running(self, receiver);
    }
    if (cap->is<NotificationCap>()) {
        auto const notification = cap->get<NotificationCap>();
        if (!notification.rights.write()) return nullptr;
        Notification& object = *notification.object;
        if (object.state() == Notification::State::waiting)
            return &kernel.scheduler.beside_running(self, object.release_head(notification.badge));
        if (object.state() == Notification::State::idle && object.bound()) {
            Tcb& bound = *object.bound();
            if (bound.state == ThreadState::running_vm) return nullptr;
            if (bound.state == ThreadState::blocked_on_receive) {
                static_cast<Endpoint*>(bound.blocking_object)->cancel(bound);
                bound.blocking_object = nullptr;
                bound.badge_register() = notification.badge;
                bound.state = ThreadState::running;
                return &kernel.scheduler.beside_running(self, bound);
            }
        }
        object.keep(notification.badge);
        return &self;
    }
    return nullptr;
}

// May the thread wait at the endpoint now, with nothing there for it?
bool nothing_to_receive(Tcb const& self, EndpointCap const& endpoint) {
    Notification const* const bound = self.bound_notification;
    return endpoint.object->state() != Endpoint::State::sending && !(bound && bound->state() == Notification::State::active);
}

[[gnu::always_inline]] inline void block_on(Endpoint& endpoint, Tcb& self, bool can_grant) {
    self.state = ThreadState::blocked_on_receive;
    self.blocked_can_grant = can_grant;
    endpoint.enqueue(self, Endpoint::State::receiving);
}

// Recv and NBRecv with no message there; Wait and Poll.
Tcb* receive(Kernel& kernel, Tcb& self, bool blocking) {
    Cap const* const cap = invoked_cap(self);
    if (!cap) return nullptr;
    if (cap->is<EndpointCap>()) {
        auto const endpoint = cap->get<EndpointCap>();
        if (!endpoint.rights.read() || !nothing_to_receive(self, endpoint)) return nullptr;
        Slot& given = self.slot(Tcb::caller);
        if (!given.empty()) DerivationList::remove_only(given);
        if (blocking) {
            block_on(*endpoint.object, self, endpoint.rights.grant());
            return &kernel.scheduler.best_or(kernel.cpu().idle);
        }
        self.badge_register() = 0;
        return &self;
    }
    if (cap->is<NotificationCap>()) {
        auto const notification = cap->get<NotificationCap>();
        Notification& object = *notification.object;
        if (!notification.rights.read() || (object.bound() && object.bound() != &self)) return nullptr;
        if (u64 word = 0; object.take(word) || !blocking) {
            self.badge_register() = word;
            return &self;
        }
        self.state = ThreadState::blocked_on_notification;
        object.enqueue(self);
        return &kernel.scheduler.best_or(kernel.cpu().idle);
    }
    return nullptr;
}

// Whom the current thread's reply capability answers, if a message without capabilities can do that; else null.
Tcb* caller_to_answer(Tcb& self) {
    Cap const& given = self.cap(Tcb::caller);
    if (!given.is<ReplyCap>() || abi::MessageInfo{self.info_register()}.extra_caps() != 0) return nullptr;
    Tcb* const caller = given.get<ReplyCap>().caller;
    return caller->state == ThreadState::blocked_on_reply ? caller : nullptr;
}

[[gnu::noinline]] bool answer_fault(Tcb& self, Tcb& caller) {
    bool goes_on;
    if (caller.fault.label == abi::FaultLabel::trap32) {
        goes_on = apply_trap32_reply(self, caller);
        caller.fault.end_trap32();
    } else {
        goes_on = apply_fault_reply(self, caller);
        caller.fault = {};
    }
    caller.state = goes_on ? ThreadState::restart : ThreadState::inactive;
    return goes_on;
}

// The call or fault is answered and the reply capability used up. False: the caller stays stopped.
[[gnu::always_inline]] inline bool answer(Tcb& self, Tcb& caller) {
    DerivationList::remove_only(self.slot(Tcb::caller));
    if (!caller.fault) [[likely]] {
        pass_message(self, abi::MessageInfo{self.info_register()}, 0, caller);
        caller.state = ThreadState::running;
        return true;
    }
    return answer_fault(self, caller);
}

Tcb* reply(Kernel& kernel, Tcb& self) {
    Tcb* const caller = caller_to_answer(self);
    if (!caller) return nullptr;
    return answer(self, *caller) ? &kernel.scheduler.beside_running(self, *caller) : &self;
}

// A server's answer, and no new request yet.
[[gnu::always_inline]] inline Tcb* reply_receive(Kernel& kernel, Tcb& self) {
    Cap const* const cap = invoked_cap(self);
    if (!cap || !cap->is<EndpointCap>()) return nullptr;
    auto const endpoint = cap->get<EndpointCap>();
    if (!endpoint.rights.read() || !nothing_to_receive(self, endpoint)) return nullptr;
    Tcb* const caller = caller_to_answer(self);
    if (!caller) return nullptr;
    bool const goes_on = answer(self, *caller);
    block_on(*endpoint.object, self, endpoint.rights.grant());
    Scheduler& scheduler = kernel.scheduler;
    return goes_on ? &scheduler.after_blocking(self, *caller) : &scheduler.best_or(kernel.cpu().idle);
}

} // namespace

Tcb* trap_32(Kernel& kernel, Trap32Event const& trap) {
    Tcb& self = kernel.current();
    Slot const* const slot = lookup_at_once(self.cap(Tcb::cspace), self.fault_handler);
    if (!slot || !slot->cap().is<EndpointCap>()) return nullptr;
    auto const endpoint = slot->cap().get<EndpointCap>();
    if (!endpoint.rights.write() || !endpoint.rights.call() || endpoint.object->state() != Endpoint::State::receiving)
        return nullptr;
    Tcb& receiver = endpoint.object->take_head();
    self.fault.become_trap32(trap.event, trap.error_code, trap.address);
    receiver.info_register() =
        abi::MessageInfo::make(static_cast<u64>(abi::FaultLabel::trap32), write_trap32_message(self, receiver)).word;
    receiver.badge_register() = endpoint.badge;
    receiver.state = ThreadState::running;
    give_reply(self, receiver, receiver.blocked_can_grant);
    return &kernel.scheduler.after_blocking(self, receiver);
}

Tcb* system_call(Kernel& kernel) {
    Tcb& self = kernel.current();
    if (self.upcall.entry) {
        // From outside the range of its library OS the system call may be an upcall.
        u64 const at = self.registers().rip;
        if (at < self.upcall.range_start || at >= self.upcall.range_end) return nullptr;
    }
    // Most frequent first; a jump table would cost an indirect branch.
    auto const number = static_cast<abi::Syscall>(self.registers().rdx);
    if (number == abi::Syscall::call) return call(kernel, self);
    if (number == abi::Syscall::reply_recv) return reply_receive(kernel, self);
    if (number == abi::Syscall::send) return send(kernel, self, true);
    if (number == abi::Syscall::recv) return receive(kernel, self, true);
    if (number == abi::Syscall::nb_recv) return receive(kernel, self, false);
    if (number == abi::Syscall::nb_send) return send(kernel, self, false);
    if (number == abi::Syscall::reply) return reply(kernel, self);
    if (number == abi::Syscall::yield) {
        kernel.cpu().stale |= Cpu::stale_space; // whoever is chosen anew gets the VSpace it has now
        return &kernel.scheduler.after_yielding(self);
    }
    return nullptr;
}

} // namespace fast_path

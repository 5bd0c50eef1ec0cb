// SPDX-License-Identifier: Apache-2.0
// Send, NBSend, Call; Recv, NBRecv; Reply: from a CPtr to the object that acts. ABI 4.11, 8.3, 8.6.
#include "kernel/invocation/invocation.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/ipc/transfer.hpp"
#include "kernel/kernel.hpp"

std::expected<Slot*, InvocationError> lookup_named_slot(Cap const& root, u64 index, u64 depth,
                                                        bool source) {
    if (!root.is<CNodeCap>()) return refuse(FailedLookup{source, LookupFailure::invalid_root()});
    if (depth < 1 || depth > 64) return refuse(RangeError{1, 64});
    auto const found = lookup_slot(root, index, static_cast<unsigned>(depth));
    if (!found) return refuse(FailedLookup{source, found.error()});
    if (found->bits_left != 0)
        return refuse(FailedLookup{source, LookupFailure::depth_mismatch(found->bits_left, 0)});
    return found->slot;
}

std::expected<Slot*, InvocationError> lookup_empty_slot(Cap const& root, u64 index, u64 depth) {
    Slot* const slot = TRY(lookup_named_slot(root, index, depth, false));
    if (!slot->empty()) return refuse(DeleteFirst{});
    return slot;
}

namespace {

InvocationResult invoke(Invocation const& call) {
    switch (call.cap().type()) {
    case CapType::untyped: return invoke_untyped(call);
    case CapType::cnode: return invoke_cnode(call);
    case CapType::tcb: return invoke_tcb(call);
    case CapType::domain: return invoke_domain(call);
    case CapType::irq_control: return invoke_irq_control(call);
    case CapType::irq_handler: return invoke_irq_handler(call);
    case CapType::frame: return invoke_frame(call);
    case CapType::pdpt:
    case CapType::page_directory:
    case CapType::page_table: return invoke_paging_structure(call);
    case CapType::asid_control: return invoke_asid_control(call);
    case CapType::asid_pool: return invoke_asid_pool(call);
    case CapType::io_port_control: return invoke_io_port_control(call);
    case CapType::io_port: return invoke_io_port(call);
    case CapType::pml4:
    case CapType::ept_pml4: return refuse(IllegalOperation{});
    case CapType::vcpu: return invoke_vcpu(call);
    case CapType::ept_pt:
    case CapType::ept_pd:
    case CapType::ept_pdpt: return invoke_nested_table(call);
    case CapType::null:
    case CapType::zombie:
    case CapType::endpoint:
    case CapType::notification:
    case CapType::reply: break;
    }
    return refuse(InvalidCapability{0});
}

// Words beyond the registers need a buffer; without one they are lost, and not counted.
void answer(Tcb& caller, u64 label, u64 const* words, u64 length) {
    for (unsigned i = 0; i < length && i < abi::register_message_words; ++i) caller.set_message_register(i, words[i]);
    if (length > abi::register_message_words) {
        abi::IpcBuffer* const buffer = caller.buffer(true);
        if (!buffer) length = abi::register_message_words;
        for (u64 i = abi::register_message_words; i < length; ++i) buffer->message[i] = words[i];
    }
    caller.badge_register() = 0;
    caller.info_register() = abi::MessageInfo::make(label, length).word;
}
void answer(Tcb& caller, Reply const& reply) { answer(caller, 0, reply.begin(), reply.length); }

// Sends to what is no kernel object; false: it is one.
std::expected<bool, InvocationError> send_to_thread(Kernel& kernel, Tcb& caller, Slot& slot,
                                                    bool blocking, bool is_call) {
    Cap const cap = slot.cap();
    if (auto const endpoint = cap.as<EndpointCap>()) {
        if (!endpoint->rights.write()) return refuse(InvalidCapability{0});
        endpoint->object->send(kernel, caller,
                               {.badge = endpoint->badge,
                                .can_grant = endpoint->rights.grant(),
                                .can_grant_reply = endpoint->rights.grant_reply(),
                                .is_call = is_call,
                                .blocking = blocking});
        return true;
    }
    if (auto const notification = cap.as<NotificationCap>()) {
        if (!notification->rights.write()) return refuse(InvalidCapability{0});
        notification->object->signal(kernel, notification->badge);
        if (is_call) answer(caller, Reply{});
        return true;
    }
    if (auto const given = cap.as<ReplyCap>()) {
        if (given->master) return refuse(InvalidCapability{0});
        reply(kernel, caller, slot);
        if (is_call) answer(caller, Reply{});
        return true;
    }
    return false;
}

} // namespace

void send(Kernel& kernel, Tcb& caller, bool blocking, bool is_call) {
    u64 const cptr = caller.registers().rdi;
    abi::MessageInfo const info{caller.info_register()};
    auto const found = lookup_slot(caller.cap(Tcb::cspace), cptr, 64);
    if (!found) {
        if (blocking) kernel.raise(caller, Fault::cap(cptr, false, found.error()));
        return;
    }
    abi::IpcBuffer const* const buffer = caller.buffer(false);
    Invocation call{kernel, caller, *found->slot, static_cast<abi::Label>(info.label()), info.length(), buffer, {}, 0};
    if (!buffer && call.length > abi::register_message_words) call.length = abi::register_message_words;
    for (u64 i = 0; buffer && i < info.extra_caps(); ++i) {
        u64 const extra = buffer->caps_or_badges[i];
        auto const extra_slot = lookup_slot(caller.cap(Tcb::cspace), extra, 64);
        if (!extra_slot) {
            if (blocking) kernel.raise(caller, Fault::cap(extra, false, extra_slot.error()));
            return;
        }
        call.extra[call.extra_count++] = extra_slot->slot;
    }
    auto const sent = send_to_thread(kernel, caller, call.slot, blocking, is_call);
    if (sent && *sent) return;
    InvocationResult const result = sent ? invoke(call) : std::unexpected(sent.error());
    if (!result) {
        if (is_call) {
            ErrorReply const error(result.error());
            answer(caller, error.label, error.words, error.length);
        }
        return;
    }
    if (!*result) return; // preempted: in state restart, the system call runs again
    if (caller.state != ThreadState::restart) return; // it stopped itself
    if (is_call) answer(caller, **result);
    caller.state = ThreadState::running;
}

void receive(Kernel& kernel, Tcb& receiver, bool blocking) {
    u64 const cptr = receiver.registers().rdi;
    auto const found = lookup_slot(receiver.cap(Tcb::cspace), cptr, 64);
    if (!found) return kernel.raise(receiver, Fault::cap(cptr, true, found.error()));
    Cap const& cap = found->slot->cap();
    if (auto const endpoint = cap.as<EndpointCap>(); endpoint && endpoint->rights.read()) {
        delete_simple(kernel, receiver.slot(Tcb::caller));
        return endpoint->object->receive(kernel, receiver, endpoint->rights.grant(), blocking);
    }
    if (auto const notification = cap.as<NotificationCap>(); notification && notification->rights.read()) {
        Tcb const* const bound = notification->object->bound();
        if (!bound || bound == &receiver) return notification->object->wait(kernel, receiver, blocking);
    }
    kernel.raise(receiver, Fault::cap(cptr, true, LookupFailure::missing(0)));
}

void reply_to_caller(Kernel& kernel, Tcb& replier) {
    Slot& slot = replier.slot(Tcb::caller);
    if (slot.cap().is<ReplyCap>()) reply(kernel, replier, slot);
}

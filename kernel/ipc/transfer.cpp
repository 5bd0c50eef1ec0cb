// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipc/transfer.hpp"

#include "kernel/capability/derivation.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/fault_message.hpp"
#include "kernel/kernel.hpp"
#include "kernel/objects.hpp"

namespace {

struct CapsMoved {
    u64 handled;   // capabilities dealt with before the first that could not be
    u64 unwrapped; // bit i: the i-th was delivered as its badge
};

// The one slot the receiver offers, if it is there and empty. Any failure means none.
Slot* receive_slot(Tcb const& receiver, abi::IpcBuffer const& buffer) {
    auto const root = lookup_slot(receiver.cap(Tcb::cspace), buffer.receive_cnode, 64);
    if (!root || buffer.receive_depth < 1 || buffer.receive_depth > 64) return nullptr;
    auto const found = lookup_slot(root->slot->cap(), buffer.receive_index,
                                   static_cast<unsigned>(buffer.receive_depth));
    if (!found || found->bits_left != 0 || !found->slot->empty()) return nullptr;
    return found->slot;
}

CapsMoved transfer_caps(Tcb const& sender, abi::IpcBuffer const* from, u64 count, Endpoint const* endpoint,
                        Tcb const& receiver, abi::IpcBuffer* to) {
    CapsMoved moved{};
    if (!from || !to || count == 0) return moved;
    Slot* sources[abi::max_extra_caps];
    for (u64 i = 0; i < count; ++i) {
        auto const found = lookup_slot(sender.cap(Tcb::cspace), from->caps_or_badges[i], 64);
        if (!found) return moved; // a blocked sender's capability space changed: then none
        sources[i] = found->slot;
    }
    Slot* free_slot = receive_slot(receiver, *to);
    for (; moved.handled < count; ++moved.handled) {
        Slot& source = *sources[moved.handled];
        auto const own = source.cap().as<EndpointCap>();
        if (own && own->object == endpoint) {
            to->caps_or_badges[moved.handled] = own->badge;
            moved.unwrapped |= u64{1} << moved.handled;
            continue;
        }
        if (!free_slot) break;
        auto const copy = objects::derive(source, source.cap());
        if (!copy || copy->is_null()) break;
        DerivationList::insert(*copy, source, *free_slot);
        free_slot = nullptr;
    }
    return moved;
}

void transfer_message(Tcb& sender, Endpoint const* endpoint, u64 badge, bool can_grant, Tcb& receiver) {
    abi::MessageInfo const info{sender.info_register()};
    u64 const length = pass_words(sender, info.length(), receiver);
    CapsMoved moved{};
    if (can_grant && info.extra_caps() != 0)
        moved = transfer_caps(sender, sender.buffer(false), info.extra_caps(), endpoint, receiver, receiver.buffer(true));
    receiver.info_register() =
        abi::MessageInfo::make(info.label(), length, moved.handled, moved.unwrapped).word;
    receiver.badge_register() = badge;
}

} // namespace

void transfer(Kernel&, Tcb& sender, Endpoint const* endpoint, u64 badge, bool can_grant, Tcb& receiver) {
    if (!sender.fault) return transfer_message(sender, endpoint, badge, can_grant, receiver);
    u64 const length = write_fault_message(sender, receiver);
    receiver.info_register() = abi::MessageInfo::make(static_cast<u64>(sender.fault.label), length).word;
    receiver.badge_register() = badge;
}

void reply(Kernel& kernel, Tcb& replier, Slot& slot) {
    auto const cap = slot.cap().get<ReplyCap>();
    Tcb& caller = *cap.caller;
    if (caller.state != ThreadState::blocked_on_reply) return delete_simple(kernel, slot);
    if (!caller.fault) {
        transfer(kernel, replier, nullptr, 0, cap.can_grant, caller);
        delete_simple(kernel, slot);
        caller.state = ThreadState::running;
        return kernel.wake(caller);
    }
    delete_simple(kernel, slot);
    bool const goes_on = apply_fault_reply(replier, caller);
    caller.fault = {};
    caller.state = goes_on ? ThreadState::restart : ThreadState::inactive;
    if (goes_on) kernel.wake(caller);
}

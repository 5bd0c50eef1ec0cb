// SPDX-License-Identifier: Apache-2.0
// Moving a message from one thread to another, and answering: ABI 8.4, 8.6, 9.3.
#pragma once

#include "kernel/capability/derivation.hpp"
#include "kernel/thread/tcb.hpp"

class Endpoint;
class Kernel;

// The sender's message (or its fault, when it has one) becomes the receiver's. `endpoint` is null for replies.
void transfer(Kernel& kernel, Tcb& sender, Endpoint const* endpoint, u64 badge, bool can_grant, Tcb& receiver);

// The words of a message: in registers, the rest from buffer to buffer if both threads have one. What arrived of `length`.
[[gnu::always_inline]] inline u64 pass_words(Tcb const& sender, u64 length, Tcb& receiver) {
    auto const& from = sender.context.registers;
    auto& to = receiver.context.registers;
    constexpr unsigned in_registers = abi::register_message_words;
    if (length == 0) return length;
    to.r10 = from.r10;
    if (length == 1) return length;
    to.r8 = from.r8;
    if (length == 2) return length;
    to.r9 = from.r9;
    if (length == 3) return length;
    to.r15 = from.r15;
    if (length == in_registers) return length;
    abi::IpcBuffer const* const source = sender.buffer(false);
    abi::IpcBuffer* const target = receiver.buffer(true);
    if (!source || !target) return in_registers;
    machine::copy_words(target->message + in_registers, source->message + in_registers, length - in_registers);
    return length;
}

// The receiver gets a capability to answer the caller, who waits for it. can_grant: of the receiver's endpoint capability.
[[gnu::always_inline]] inline void give_reply(Tcb& caller, Tcb& receiver, bool can_grant) {
    caller.state = ThreadState::blocked_on_reply;
    Slot& master = caller.slot(Tcb::reply_master);
    if (master.empty()) [[unlikely]] DerivationList::insert_root(ReplyCap{&caller, true, true}, master);
    DerivationList::insert_only(ReplyCap{&caller, can_grant, false}, master, receiver.slot(Tcb::caller));
}

// The replier's message answers the call or fault behind the reply capability in `slot`, which is used up.
void reply(Kernel& kernel, Tcb& replier, Slot& slot);

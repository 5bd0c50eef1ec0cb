// SPDX-License-Identifier: Apache-2.0
// What a user asks of a kernel object. Each operation is a struct: decode looks (it may refuse and changes nothing),
// perform acts (it may be preempted and never refuses). ABI 4.11 and 7.
#pragma once

#include "abi/profile.hpp"
#include "kernel/capability/deletion.hpp"
#include "kernel/invocation/error.hpp"
#include "kernel/thread/tcb.hpp"

class Kernel;

struct Invocation {
    Kernel& kernel;
    Tcb& caller;
    Slot& slot; // of the invoked capability
    abi::Label label;
    u64 length; // words of the message, cut to 4 without an IPC buffer
    abi::IpcBuffer const* buffer;
    Slot* extra[abi::max_extra_caps]; // looked up; may be empty slots
    unsigned extra_count;

    // The i-th word of the message; i < length, which needs() has checked.
    u64 word(unsigned i) const {
        return i < abi::register_message_words ? caller.message_register(i) : buffer->message[i];
    }
    Cap const& cap() const { return slot.cap(); }
    // The operation takes that many words and extra capabilities; TruncatedMessage when there are fewer.
    std::expected<void, InvocationError> needs(u64 words, unsigned extra_caps) const {
        if (length < words || extra_count < extra_caps) return refuse(TruncatedMessage{});
        return {};
    }
};

// Refused in decode; or preempted; or done, with an answer for a Call.
using Performed = std::expected<Reply, Preempted>;
using InvocationResult = std::expected<Performed, InvocationError>;

// Decodes and performs. In between the caller is in state restart: that is what a preempted call is left in.
template <class Operation> InvocationResult carry_out(Invocation const& call) {
    auto const operation = TRY(Operation::decode(call));
    call.caller.state = ThreadState::restart;
    return operation.perform(call.kernel);
}

// A slot named by root, index and depth: a destination, or a source (ABI 4.10, "slot lookup").
std::expected<Slot*, InvocationError> lookup_named_slot(Cap const& root, u64 index, u64 depth, bool source);
// The same, and it must be empty.
std::expected<Slot*, InvocationError> lookup_empty_slot(Cap const& root, u64 index, u64 depth);

// One per kind of object, in the file of its name.
InvocationResult invoke_untyped(Invocation const& call);
InvocationResult invoke_cnode(Invocation const& call);
InvocationResult invoke_tcb(Invocation const& call);
InvocationResult invoke_domain(Invocation const& call);
InvocationResult invoke_irq_control(Invocation const& call);
InvocationResult invoke_irq_handler(Invocation const& call);
InvocationResult invoke_frame(Invocation const& call);
InvocationResult invoke_paging_structure(Invocation const& call);
InvocationResult invoke_asid_control(Invocation const& call);
InvocationResult invoke_asid_pool(Invocation const& call);
InvocationResult invoke_io_port_control(Invocation const& call);
InvocationResult invoke_io_port(Invocation const& call);
InvocationResult invoke_vcpu(Invocation const& call);
InvocationResult invoke_nested_table(Invocation const& call);
InvocationResult invoke_page_map_ept(Invocation const& call); // of a frame

// The system calls that send, and those that receive: ABI 4.11, 8.3.
void send(Kernel& kernel, Tcb& caller, bool blocking, bool is_call);
void receive(Kernel& kernel, Tcb& receiver, bool blocking);
void reply_to_caller(Kernel& kernel, Tcb& replier);

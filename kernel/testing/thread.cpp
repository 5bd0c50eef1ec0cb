// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

void print(std::ostream& out, Words const& words) {
    out << "(";
    for (std::size_t i = 0; i < words.size(); ++i) out << (i ? ", " : "") << words[i];
    out << ")";
}

} // namespace

std::ostream& operator<<(std::ostream& out, Answer const& answer) {
    static char const* const names[] = {"success",         "InvalidArgument", "InvalidCapability", "IllegalOperation",
                                        "RangeError",      "AlignmentError",  "FailedLookup",      "TruncatedMessage",
                                        "DeleteFirst",     "RevokeFirst",     "NotEnoughMemory"};
    if (answer.label < std::size(names)) out << names[answer.label];
    else out << "label " << answer.label;
    print(out, answer.words);
    return out;
}

std::ostream& operator<<(std::ostream& out, Received const& received) {
    out << "badge " << received.badge << ", label " << received.label << ", words ";
    print(out, received.words);
    return out << ", " << received.extra_caps << " capabilities, unwrapped " << received.unwrapped;
}

void Thread::put(Message const& message) {
    abi::IpcBuffer* const buffer = tcb_.buffer(true);
    tcb_.info_register() =
        abi::MessageInfo::make(message.label, message.words.size(), message.caps.size()).word;
    for (unsigned i = 0; i < message.words.size(); ++i) {
        if (i < abi::register_message_words) tcb_.set_message_register(i, message.words[i]);
        else if (buffer) buffer->message[i] = message.words[i];
    }
    for (unsigned i = 0; buffer && i < message.caps.size(); ++i) buffer->caps_or_badges[i] = message.caps[i];
}

bool Thread::syscall(abi::Syscall number, u64 rdi, Message const& message) {
    return syscall(static_cast<i64>(number), rdi, message);
}

bool Thread::syscall(i64 number, u64 rdi, Message const& message) {
    world_.run(tcb_);
    put(message);
    tcb_.registers().rdx = static_cast<u64>(number);
    tcb_.registers().rdi = rdi;
    return run_syscall();
}

bool Thread::again() {
    world_.run(tcb_);
    return run_syscall();
}

bool Thread::run_syscall() {
    u64 const at = tcb_.context.next_ip;
    for (;;) {
        tcb_.registers().rip = at;
        tcb_.context.next_ip = at + 2; // SYSCALL has two bytes
        tcb_.context.restore_all = 0;
        world_.handle(SyscallEvent{});
        if (!tcb_.runnable()) return false;
        u64 const continues = tcb_.state == ThreadState::restart ? tcb_.registers().rip : tcb_.context.next_ip;
        if (continues != at) return true;
        ++world_.preemptions;
        if (!world_.repeating) return true;
        world_.run(tcb_);
    }
}

Answer Thread::call(CPtr cap, Message const& message) {
    if (!start_call(cap, message)) return {~u64{0}, {}}; // no answer: it blocked or stopped
    Received const received = this->received();
    return {received.label, received.words};
}

Answer Thread::invoke(CPtr cap, Label label, Words words, std::vector<CPtr> caps) {
    return call(cap, {static_cast<u64>(label), std::move(words), std::move(caps)});
}

Received Thread::received() const {
    abi::MessageInfo const info{tcb_.context.registers.rsi};
    Received received{badge(), info.label(), {}, info.extra_caps(), info.caps_unwrapped()};
    abi::IpcBuffer const* const buffer = tcb_.buffer(false);
    for (unsigned i = 0; i < info.length(); ++i) {
        if (i < abi::register_message_words) received.words.push_back(tcb_.message_register(i));
        else if (buffer) received.words.push_back(buffer->message[i]);
    }
    return received;
}

void Thread::set_receive_slot(CPtr slot) {
    buffer().receive_cnode = abi::initial_slot::cnode;
    buffer().receive_index = slot;
    buffer().receive_depth = slot ? 64 : 0;
}

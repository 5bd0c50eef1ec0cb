// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel/invocation.hpp"

SystemCall invocation(user::CPtr object, abi::Label label, std::initializer_list<u64> words, std::initializer_list<user::CPtr> caps) {
    SystemCall call{.number = abi::Syscall::call,
                    .cptr = object,
                    .info = abi::MessageInfo::make(std::to_underlying(label), words.size(), caps.size()).word};
    auto& buffer = user::ipc_buffer();
    unsigned i = 0;
    for (u64 const word : words) {
        (i < abi::register_message_words ? call.words[i] : buffer.message[i]) = word;
        ++i;
    }
    i = 0;
    for (user::CPtr const cap : caps) buffer.caps_or_badges[i++] = cap;
    return call;
}

void check(SystemCall const& call) {
    u64 const error = abi::MessageInfo{call.out_info}.label();
    if (error == 0) return;
    give_up(user::Text<64>().add("make invocation ").decimal(abi::MessageInfo{call.info}.label()).add(": error ").decimal(error).c_str());
}

u64 timed_invocation(user::CPtr object, abi::Label label, std::initializer_list<u64> words, std::initializer_list<user::CPtr> caps) {
    auto made = invocation(object, label, words, caps);
    bench_timed_full(&made);
    check(made);
    return between(made.before, made.behind);
}

// SPDX-License-Identifier: Apache-2.0
// An upcall can interrupt the program between the words of a message and the invocation that sends
// them, and uses the same IPC buffer. So what the library OS overwrites comes back.
#pragma once

#include <algorithm>

#include "user/system_call.hpp"

namespace libos {

template <unsigned Words> class IpcBufferGuard { // keeps MR4..MR(Words - 1) and the capabilities
public:
    IpcBufferGuard() {
        abi::IpcBuffer const& buffer = user::ipc_buffer();
        std::copy_n(buffer.message + first, Words - first, words_);
        std::copy_n(buffer.caps_or_badges, abi::max_extra_caps, caps_);
    }
    ~IpcBufferGuard() {
        abi::IpcBuffer& buffer = user::ipc_buffer();
        std::copy_n(words_, Words - first, buffer.message + first);
        std::copy_n(caps_, abi::max_extra_caps, buffer.caps_or_badges);
    }
    IpcBufferGuard(IpcBufferGuard const&) = delete;
    IpcBufferGuard& operator=(IpcBufferGuard const&) = delete;

private:
    static constexpr unsigned first = abi::register_message_words;
    u64 words_[Words - first];
    u64 caps_[abi::max_extra_caps];
};

} // namespace libos

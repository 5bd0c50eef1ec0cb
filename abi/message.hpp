// SPDX-License-Identifier: Apache-2.0
// The message info word and the IPC buffer, ABI 4.3; the register order of a thread's context, ABI 7.1.1.
#pragma once

#include "base/types.hpp"

namespace abi {

inline constexpr unsigned max_message_words = 120;
inline constexpr unsigned register_message_words = 4; // r10, r8, r9, r15
inline constexpr unsigned max_extra_caps = 3;

struct MessageInfo {
    using Length = Bits<6, 0>;
    using ExtraCaps = Bits<8, 7>;
    using CapsUnwrapped = Bits<11, 9>;
    using LabelField = Bits<63, 12>;

    u64 word{};

    static constexpr MessageInfo make(u64 label, u64 length, u64 extra_caps = 0, u64 unwrapped = 0) {
        return {LabelField::make(label) | CapsUnwrapped::make(unwrapped) | ExtraCaps::make(extra_caps) |
                Length::make(length)};
    }
    constexpr u64 label() const { return LabelField::get(word); }
    constexpr u64 extra_caps() const { return ExtraCaps::get(word); }
    constexpr u64 caps_unwrapped() const { return CapsUnwrapped::get(word); }
    // Words in the message, 0..120: the kernel treats 121..127 as 120.
    constexpr u64 length() const {
        u64 const length = Length::get(word);
        return length > max_message_words ? max_message_words : length;
    }
};

struct IpcBuffer {
    u64 tag; // never touched by the kernel
    u64 message[max_message_words];
    u64 user_data;
    u64 caps_or_badges[max_extra_caps]; // CPtrs on send, badges of unwrapped capabilities on receive
    u64 receive_cnode;                  // CPtr, looked up in the receiver's own CSpace
    u64 receive_index;
    u64 receive_depth; // bits
};
static_assert(sizeof(IpcBuffer) == 1024 && offsetof(IpcBuffer, receive_cnode) == 1000);

// A thread's registers in the order of ReadRegisters and WriteRegisters.
struct UserContext {
    u64 rip, rsp, rflags, rax, rbx, rcx, rdx, rsi, rdi, rbp;
    u64 r8, r9, r10, r11, r12, r13, r14, r15;
    u64 fs_base, gs_base;
};
static_assert(sizeof(UserContext) == 160);

} // namespace abi

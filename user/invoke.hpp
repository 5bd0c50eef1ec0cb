// SPDX-License-Identifier: Apache-2.0
// One invocation of a kernel object: words and capabilities in, words or an Error out. Host tests
// link a fake kernel here.
#pragma once

#include <initializer_list>
#include <span>

#include "user/error.hpp"
#include "user/system_call.hpp"

namespace user {

struct Reply {
    u64 words[abi::register_message_words]{}; // MR0..MR3; further words are in ipc_buffer()
};

Result<Reply> invoke(CPtr object, abi::Label label, std::span<u64 const> words,
                     std::span<CPtr const> caps);

// The same with lists: `perform(cptr, label, {a, b}, {cap})`; perform() is for results without
// words.
Result<Reply> invoke(CPtr object, abi::Label label, std::initializer_list<u64> words = {},
                     std::initializer_list<CPtr> caps = {});
Result<> perform(CPtr object, abi::Label label, std::initializer_list<u64> words = {},
                 std::initializer_list<CPtr> caps = {});

} // namespace user

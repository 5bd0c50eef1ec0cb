// SPDX-License-Identifier: Apache-2.0
// Why an invocation is refused, with what the user will be told: ABI 4.8.
#pragma once

#include <variant>

#include "kernel/capability/lookup.hpp"

struct InvalidArgument { u64 index; };
struct InvalidCapability { u64 index; }; // 0: the invoked one, 1..: extra capabilities
struct IllegalOperation {};
struct RangeError { u64 min, max; };
struct AlignmentError {};
struct FailedLookup { bool source; LookupFailure why; };
struct TruncatedMessage {};
struct DeleteFirst {};
struct RevokeFirst {};
struct NotEnoughMemory { u64 bytes_left; };

// The order of alternatives is the ABI's: error number = index + 1.
using InvocationError =
    std::variant<InvalidArgument, InvalidCapability, IllegalOperation, RangeError, AlignmentError,
                 FailedLookup, TruncatedMessage, DeleteFirst, RevokeFirst, NotEnoughMemory>;

template <class Reason> std::unexpected<InvocationError> refuse(Reason reason) {
    return std::unexpected<InvocationError>(InvocationError{reason});
}

// What an invocation answers: the label (0 or an error), and words.
struct Reply {
    static constexpr unsigned max_words = 20; // ReadRegisters
    u64 label{};
    unsigned length{};
    u64 words[max_words]; // [0, length) are set
    Reply() {}
    explicit Reply(u64 word) : length(1) { words[0] = word; }
    void push(u64 word) { words[length++] = word; }
};

Reply to_reply(InvocationError const& error);

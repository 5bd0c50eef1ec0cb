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

// What an invocation answers when it was done. Small, as it is handed up through several functions.
struct Reply {
    u64 length{};
    u64 word{};         // length 1
    u64 const* words{}; // length above 1: where they are
    Reply() = default;
    explicit Reply(u64 one) : length(1), word(one) {}
    Reply(u64 const* many, u64 count) : length(count), words(many) {}
    u64 const* begin() const { return words ? words : &word; }
};

// What the user is told of an error: its number as the label, and words of detail.
struct ErrorReply {
    static constexpr unsigned max_words = 5; // FailedLookup with a guard mismatch
    u64 label;
    unsigned length{};
    u64 words[max_words]; // [0, length) are set
    explicit ErrorReply(InvocationError const& error);

private:
    void push(u64 word) { words[length++] = word; }
};

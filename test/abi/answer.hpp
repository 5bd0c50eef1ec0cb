// SPDX-License-Identifier: Apache-2.0
// What an invocation says to its caller, and what each error should say (ABI 4.4 and 4.8).
#pragma once

#include <algorithm>
#include <initializer_list>

#include "user/system_call.hpp"

using abi::Label;
using user::CPtr;

// A few words: arguments, capabilities, or a message.
struct Words {
    static constexpr unsigned capacity = 24;
    u64 values[capacity]{};
    unsigned count{};

    constexpr Words() = default;
    constexpr Words(std::initializer_list<u64> list) : count(static_cast<unsigned>(list.size())) {
        std::copy(list.begin(), list.end(), values);
    }
    constexpr u64 operator[](unsigned i) const { return values[i]; }
    constexpr bool operator==(Words const& other) const {
        return count == other.count && std::equal(values, values + count, other.values);
    }
};

// A message as its receiver sees it.
struct Answer {
    u64 badge{};
    u64 info{}; // the whole message info word
    Words words;

    constexpr bool operator==(Answer const&) const = default;
};

// What the calling thread's registers and IPC buffer hold after a call.
Answer answer_of(user::Message const& message);

// Calls `object` with words, capabilities and a label, and returns what came back.
Answer invoke(CPtr object, Label label, Words const& words = {}, Words const& caps = {});

constexpr Answer message(u64 label, Words const& words, u64 badge = 0) {
    return {badge, abi::MessageInfo::make(label, words.count).word, words};
}
constexpr Answer error(abi::Error code, Words const& details = {}) { return message(std::to_underlying(code), details); }
constexpr Answer done(Words const& results = {}) { return message(0, results); }

constexpr Answer invalid_argument(u64 number) { return error(abi::Error::invalid_argument, {number}); }
constexpr Answer invalid_capability(u64 number) { return error(abi::Error::invalid_capability, {number}); }
constexpr Answer illegal_operation = error(abi::Error::illegal_operation);
constexpr Answer range_error(u64 low, u64 high) { return error(abi::Error::range_error, {low, high}); }
constexpr Answer alignment_error = error(abi::Error::alignment_error);
constexpr Answer truncated = error(abi::Error::truncated_message);
constexpr Answer delete_first = error(abi::Error::delete_first);
constexpr Answer revoke_first = error(abi::Error::revoke_first);
constexpr Answer not_enough_memory(u64 bytes) { return error(abi::Error::not_enough_memory, {bytes}); }

// FailedLookup; `source` is 1 when the lookup of a source slot failed.
constexpr Answer invalid_root(u64 source) { return error(abi::Error::failed_lookup, {source, 1}); }
constexpr Answer missing(u64 source, u64 bits_left) { return error(abi::Error::failed_lookup, {source, 2, bits_left}); }
constexpr Answer depth_mismatch(u64 source, u64 bits_left, u64 bits_found) {
    return error(abi::Error::failed_lookup, {source, 3, bits_left, bits_found});
}
constexpr Answer guard_mismatch(u64 source, u64 bits_left, u64 guard_found, u64 bits_found) {
    return error(abi::Error::failed_lookup, {source, 4, bits_left, guard_found, bits_found});
}

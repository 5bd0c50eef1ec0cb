// SPDX-License-Identifier: Apache-2.0
// What an invocation answered, and the names of what it can answer: label and words of ABI 4.8, written down here once more so
// that a test does not compare the kernel's encoding with itself.
#pragma once

#include <ostream>
#include <vector>

#include "kernel/capability/lookup.hpp"

struct Answer {
    u64 label{};
    std::vector<u64> words;
    bool operator==(Answer const&) const = default;
};
std::ostream& operator<<(std::ostream& out, Answer const& answer);

inline Answer const success{};
inline Answer returned(std::vector<u64> words) { return {0, std::move(words)}; }
inline Answer invalid_argument(u64 index) { return {1, {index}}; }
inline Answer invalid_capability(u64 index) { return {2, {index}}; }
inline Answer const illegal_operation{3, {}};
inline Answer range_error(u64 min, u64 max) { return {4, {min, max}}; }
inline Answer const alignment_error{5, {}};
inline Answer const truncated{7, {}};
inline Answer const delete_first{8, {}};
inline Answer const revoke_first{9, {}};
inline Answer not_enough_memory(u64 bytes_left) { return {10, {bytes_left}}; }
enum class Which : u64 { destination = 0, source = 1 };
inline Answer invalid_root(Which which) { return {6, {static_cast<u64>(which), 1}}; }
inline Answer missing(Which which, u64 bits_left) { return {6, {static_cast<u64>(which), 2, bits_left}}; }
inline Answer depth_mismatch(Which which, u64 bits_left, u64 bits_found) {
    return {6, {static_cast<u64>(which), 3, bits_left, bits_found}};
}
inline Answer guard_mismatch(Which which, u64 bits_left, u64 guard, u64 guard_size) {
    return {6, {static_cast<u64>(which), 4, bits_left, guard, guard_size}};
}

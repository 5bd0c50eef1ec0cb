// SPDX-License-Identifier: Apache-2.0
// Why an invocation failed: the kernel's error with its detail words, ABI 4.8, or a shortage found
// by an allocator.
#pragma once

#include <expected>

#include "abi/profile.hpp"
#include "user/text.hpp"

namespace user {

// Errors that the allocators report themselves, without asking the kernel.
enum class Shortage : u64 { none, slots, memory, addresses, bookkeeping };

struct Error {
    abi::Error code{};
    u64 details[5]{}; // ABI 4.8, as many as the error has
    Shortage shortage{};

    static constexpr Error out_of(Shortage shortage) {
        return {.code = abi::Error::not_enough_memory, .details = {}, .shortage = shortage};
    }
    // For FailedLookup: the paging structure that is missing, as the bits it translates (39, 30 or
    // 21); otherwise 0.
    constexpr u64 missing_level() const {
        bool const missing =
            code == abi::Error::failed_lookup &&
            details[1] == std::to_underlying(abi::LookupFailureType::missing_capability);
        return missing ? details[2] : 0;
    }
    // One line in plain words, for example "RangeError: allowed is 1 to 256".
    Text<96> text() const;
};

template <class T = void> using Result = std::expected<T, Error>;

} // namespace user

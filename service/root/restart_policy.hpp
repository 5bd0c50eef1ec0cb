// SPDX-License-Identifier: Apache-2.0
// Whether a component that failed is started again: at most `limit` failures within
// `window_seconds`, so that one that crashes over and over ends by itself.
#pragma once

#include "base/types.hpp"

class RestartPolicy {
public:
    static constexpr unsigned limit = 5;
    static constexpr u64 window_seconds = 10;

    // Reports a failure at this time (seconds, monotonic). true: start again.
    bool failed(u64 now) {
        u64 const oldest = times_[failures_ % limit];
        times_[failures_ % limit] = now;
        ++failures_;
        return failures_ <= limit || now - oldest >= window_seconds;
    }
    u64 failures() const { return failures_; }

private:
    u64 times_[limit]{}; // of the last failures, a ring
    u64 failures_{};
};

// How much text a component may have root print per second: the rest is counted, not printed.
class LogBudget {
public:
    static constexpr u64 bytes_per_second = 16384;

    // How many of these bytes may be printed now.
    u64 grant(u64 bytes, u64 now) {
        if (now != second_) {
            second_ = now;
            used_ = 0;
        }
        u64 const granted = bytes < bytes_per_second - used_ ? bytes : bytes_per_second - used_;
        used_ += granted;
        lost_ += bytes - granted;
        return granted;
    }
    // Bytes not printed since the last time this was asked.
    u64 take_lost() { return std::exchange(lost_, 0); }

private:
    u64 second_{}, used_{}, lost_{};
};

// SPDX-License-Identifier: Apache-2.0
// The domain schedule, ABI 7.5: a list of (domain, ticks) that repeats; an entry of duration 0 ends it.
#pragma once

#include "abi/profile.hpp"

class DomainSchedule {
public:
    static constexpr u64 duration_limit = u64{1} << 56; // ticks
    struct Entry {
        u8 domain{};
        u64 duration{}; // ticks
    };

    Entry const& entry(u64 index) const { return entries_[index]; }
    void configure(u64 index, u8 domain, u64 duration) { entries_[index] = {domain, duration}; }
    u64 start() const { return start_; }
    // Goes to entry `index` at once and begins there whenever the list ends. Returns its domain.
    u8 restart_at(u64 index);
    // A tick passed. True: the next entry begins, current_domain() has changed perhaps.
    bool tick();
    u8 current_domain() const { return entries_[index_].domain; }

private:
    Entry entries_[abi::domain_schedules]{{0, duration_limit - 1}};
    u64 start_{};
    u64 index_{};
    u64 left_{duration_limit - 1};
};

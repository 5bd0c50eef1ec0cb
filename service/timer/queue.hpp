// SPDX-License-Identifier: Apache-2.0
// Deadlines in order: what is due, and when the hardware must interrupt next. A fixed number of
// entries, each named by its owner; an entry is set at most once at a time. All times are
// nanoseconds of one clock.
#pragma once

#include <array>
#include <optional>

#include "base/types.hpp"

template <unsigned Capacity> class DeadlineQueue {
public:
    bool is_set(unsigned entry) const { return position_[entry] != none; }
    // Replaces what the entry was set to. period 0: once.
    void set(unsigned entry, u64 deadline, u64 period = 0) {
        clear(entry);
        unsigned at = size_++;
        for (; at > 0 && deadlines_[order_[at - 1]] <= deadline; --at) place(at, order_[at - 1]);
        place(at, entry);
        deadlines_[entry] = deadline;
        periods_[entry] = period;
    }
    void clear(unsigned entry) {
        if (!is_set(entry)) return;
        --size_;
        for (unsigned at = position_[entry]; at < size_; ++at) place(at, order_[at + 1]);
        position_[entry] = none;
    }

    std::optional<u64> next() const {
        if (size_ == 0) return {};
        return deadlines_[order_[size_ - 1]];
    }

    // Calls due(entry) for each entry whose deadline has passed, earliest first. One with a period
    // is set again: to its next time after now, so that a late service rings once and not for each
    // period it missed; never, when that is beyond the end of time.
    template <class Due> void expire(u64 now, Due due) {
        unsigned rounds = size_; // one with a period comes at most once
        while (rounds-- > 0 && size_ > 0 && deadlines_[order_[size_ - 1]] <= now) {
            unsigned const entry = order_[size_ - 1];
            u64 const deadline = deadlines_[entry], period = periods_[entry];
            clear(entry);
            u64 const step = period == 0 ? 0 : now - deadline - (now - deadline) % period + period;
            if (period != 0 && step >= period && deadline + step > deadline)
                set(entry, deadline + step, period);
            due(entry);
        }
    }

private:
    static constexpr unsigned none = ~0u;
    void place(unsigned at, unsigned entry) {
        order_[at] = entry;
        position_[entry] = at;
    }
    static constexpr std::array<unsigned, Capacity> nowhere() {
        std::array<unsigned, Capacity> positions{};
        positions.fill(none);
        return positions;
    }

    std::array<unsigned, Capacity> order_{}; // latest first: the next one is at the end
    std::array<unsigned, Capacity> position_ = nowhere();
    std::array<u64, Capacity> deadlines_{}, periods_{};
    unsigned size_{};
};

// SPDX-License-Identifier: Apache-2.0
// Time from the time-stamp counter, in the nanoseconds that the timer service uses too.
#pragma once

#include "protocol/component.hpp"
#include "protocol/timer.hpp"
#include "user/system_call.hpp"

namespace libos {

inline constexpr u64 second = 1'000'000'000; // ns

class Clock {
public:
    explicit Clock(protocol::ComponentInfo const& info)
        : tsc_khz_(info.tsc_khz), epoch_(info.wall_clock_base * second -
                                         protocol::nanoseconds(info.wall_clock_tsc, info.tsc_khz)) {
    }

    u64 monotonic() const { return protocol::nanoseconds(user::time_stamp(), tsc_khz_); }
    u64 wall() const { return to_wall(monotonic()); }
    u64 to_wall(u64 monotonic) const { return monotonic + epoch_; }
    u64 from_wall(u64 wall) const { return wall > epoch_ ? wall - epoch_ : 0; }

private:
    u64 tsc_khz_;
    u64 epoch_; // wall clock when the counter was 0
};

} // namespace libos

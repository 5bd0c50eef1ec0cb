// SPDX-License-Identifier: Apache-2.0
// The timer service. Times are nanoseconds of the time-stamp counter's clock: tsc * 10^6 / tsc_khz (ComponentInfo).
// All requests are Calls on the timer grant's endpoint; the badge says who asks. (arm and cancel may also be sent by NBSend,
// by who must not wait for the service.)
// When the service starts again after a crash, it knows nothing of before: every sleeper is answered timer_again and
// event::timer rings once for every client, which then asks again for what it still needs.
#pragma once

#include "base/types.hpp"

namespace protocol {

enum class TimerLabel : u64 {
    // MR0 = deadline in ns: the answer comes when it has passed (label 0, length 0). A sleeper may be woken early by others
    // (TCBSuspend and TCBResume): the kernel then deletes its reply capability, and the empty slot may be used again.
    sleep = 0x200,
    arm = 0x201,   // MR0 = deadline in ns, MR1 = period in ns or 0: then event::timer rings; replaces what was armed before
    cancel = 0x202,
};
inline constexpr u64 timer_ok = 0;
inline constexpr u64 timer_too_many = 1; // label of the answer: more sleepers than the service can hold
inline constexpr u64 timer_bad_request = 2;
inline constexpr u64 timer_again = 3; // the service was restarted: ask again
inline constexpr u64 timer_min_period = 100'000; // ns; shorter periods are served as this one

constexpr u64 nanoseconds(u64 tsc, u64 tsc_khz) {
    return static_cast<u64>(static_cast<unsigned __int128>(tsc) * 1000000 / tsc_khz);
}

} // namespace protocol

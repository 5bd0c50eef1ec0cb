// SPDX-License-Identifier: Apache-2.0
// Uses the timer's alarms directly: once, with a period, with hostile values.
#include <cstdio>

#include "protocol/timer.hpp"
#include "test/components/check.hpp"
#include "user/component/component.hpp"

namespace {

using namespace protocol;

u64 now() { return nanoseconds(user::time_stamp(), user::component::info().tsc_khz); }

u64 ask(TimerLabel label, u64 deadline = 0, u64 period = 0) {
    auto const* timer = user::component::find_grant(GrantKind::timer);
    auto const words = label == TimerLabel::cancel ? 0 : 2;
    return user::call(timer->first_slot,
                      user::Message::make(std::to_underlying(label), static_cast<u64>(words),
                                          deadline, period))
        .info.label();
}

void wait_for_bell() {
    while ((user::component::events().wait() & event::timer) == 0) {
    }
}

constexpr u64 millisecond = 1'000'000;

} // namespace

int main() {
    auto const events = user::component::events();
    events.poll(); // the timer rings everybody when it starts

    u64 const start = now();
    check(ask(TimerLabel::arm, start + 20 * millisecond) == timer_ok, "arm is answered");
    wait_for_bell();
    check(now() - start >= 20 * millisecond, "the bell rings after the deadline");

    check(ask(TimerLabel::arm, now(), 5 * millisecond) == timer_ok, "a period is taken");
    u64 const first = now();
    for (int i = 0; i < 20; ++i) wait_for_bell();
    check(now() - first >= 90 * millisecond, "twenty periods of 5 ms take at least 90 ms");
    check(ask(TimerLabel::cancel) == timer_ok, "cancel is answered");
    events.poll();

    check(ask(TimerLabel::arm, 0, 1) == timer_ok, "a period of 1 ns is taken as the shortest one");
    wait_for_bell();
    check(ask(TimerLabel::arm, ~u64{0}, ~u64{0}) == timer_ok, "the end of time is a deadline");
    check(ask(TimerLabel::sleep, 0) == timer_ok, "a sleep in the past ends at once");
    check(ask(TimerLabel{0x2ff}) == timer_bad_request, "what it does not know is refused");
    check(ask(TimerLabel::cancel) == timer_ok, "cancel is answered again");
    events.poll();
    check(ask(TimerLabel::sleep, now() + 50 * millisecond) == timer_ok, "a sleep is answered");
    check((events.poll() & event::timer) == 0, "after cancel no bell rings");
    std::puts("ticker: all alarms came in time");
}

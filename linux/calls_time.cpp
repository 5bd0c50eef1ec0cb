// SPDX-License-Identifier: Apache-2.0
// Clocks, and everything that waits.
#include <ctime>

#include "linux/entry.hpp"
#include "linux/process.hpp"

namespace libos {
namespace {

struct Timespec {
    i64 seconds, nanoseconds;
};
Timespec to_timespec(u64 ns) {
    return {static_cast<i64>(ns / second), static_cast<i64>(ns % second)};
}

bool is_wall_clock(u64 clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}
// Processor time is not measured: a program that has the processor to itself is told the time since
// the start.
bool is_known(u64 clock) { return clock <= CLOCK_BOOTTIME || clock == CLOCK_TAI; }

} // namespace

Outcome Process::clock_gettime(Thread&, Arguments const& arguments) {
    if (!is_known(arguments.a[0])) return fail_with(EINVAL);
    TRY(store(arguments.a[1],
              to_timespec(is_wall_clock(arguments.a[0]) ? clock_.wall() : clock_.monotonic())));
    return 0;
}

Outcome Process::clock_getres(Thread&, Arguments const& arguments) {
    if (!is_known(arguments.a[0])) return fail_with(EINVAL);
    if (arguments.a[1] != 0) TRY(store(arguments.a[1], Timespec{0, 1}));
    return 0;
}

Outcome Process::gettimeofday(Thread&, Arguments const& arguments) {
    Timespec now = to_timespec(clock_.wall());
    now.nanoseconds /= 1000; // a timeval: microseconds
    if (arguments.a[0] != 0) TRY(store(arguments.a[0], now));
    return 0;
}

Outcome Process::time(Thread&, Arguments const& arguments) {
    u64 const now = clock_.wall() / second;
    if (arguments.a[0] != 0) TRY(store(arguments.a[0], now));
    return now;
}

Outcome Process::nanosleep(Thread& thread, Arguments const& arguments) {
    return clock_nanosleep(thread, {{CLOCK_MONOTONIC, 0, arguments.a[0], arguments.a[1]}});
}

Outcome Process::clock_nanosleep(Thread&, Arguments const& arguments) {
    if (!timer_) return fail_with(ENOSYS);
    if (!is_known(arguments.a[0])) return fail_with(EINVAL);
    Timespec const time = TRY(fetch<Timespec>(arguments.a[2]));
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= i64{second})
        return fail_with(EINVAL);
    u64 deadline = static_cast<u64>(time.seconds) * second + static_cast<u64>(time.nanoseconds);
    if ((arguments.a[1] & TIMER_ABSTIME) == 0) {
        deadline += clock_.monotonic();
    } else if (is_wall_clock(arguments.a[0])) {
        deadline = clock_.from_wall(deadline);
    }
    lock_.unlock();
    sleep(deadline);
    lock_.lock();
    return 0;
}

// Without the lock: until the deadline has passed.
bool Process::sleep(u64 deadline) {
    if (!timer_) return false;
    while (clock_.monotonic() < deadline) {
        user::Message const answer = user::call(
            timer_->first_slot,
            user::Message::make(std::to_underlying(protocol::TimerLabel::sleep), 1, deadline));
        switch (answer.info.label()) {
        case protocol::timer_ok:
        case protocol::timer_again: break;
        default: user::yield(); // too many sleepers: the next round may find room
        }
    }
    return true;
}

// Until thread.woken is set (by wake()) or the deadline has passed. Gives the lock back meanwhile.
void Process::wait(Thread& thread, u64 deadline) {
    if (deadline == never) {
        thread.in_timer_call = false;
        lock_.unlock();
        while (__atomic_load_n(&thread.woken, __ATOMIC_ACQUIRE) == 0) thread.bell.wait();
        lock_.lock();
        return;
    }
    thread.in_timer_call = timer_ != nullptr;
    if (!timer_ && !polling_logged_) {
        polling_logged_ = true;
        log(user::Text<128>().add("waits with a deadline are polled: grant a timer"));
    }
    lock_.unlock();
    u64 const info =
        abi::MessageInfo::make(std::to_underlying(protocol::TimerLabel::sleep), 1).word;
    while (__atomic_load_n(&thread.woken, __ATOMIC_ACQUIRE) == 0 && clock_.monotonic() < deadline) {
        u64 const answer =
            timer_ ? libos_sleep(timer_->first_slot, info, deadline, &thread.woken) : 0;
        if (!timer_ || abi::MessageInfo{answer}.label() == protocol::timer_too_many) user::yield();
    }
    lock_.lock();
    if (!thread.in_timer_call && thread.woken != 0)
        thread.bell.poll(); // wake() rang it: nobody waited
}

// Until something may have changed at the console. One thread waits for `events` on behalf of all;
// if the program waits for `events` itself, the library OS looks again after a while.
void Process::wait_for_console(Thread& thread) {
    constexpr u64 look_again = 5'000'000; // ns
    if (program_has_events_) {
        lock_.unlock();
        if (!sleep(clock_.monotonic() + look_again)) user::yield();
        lock_.lock();
        return;
    }
    if (console_leader_) {
        thread.next_waiting = console_waiters_;
        console_waiters_ = &thread;
        lock_.unlock();
        thread.bell.wait();
        lock_.lock();
        return;
    }
    console_leader_ = &thread;
    lock_.unlock();
    u64 const events = user::wait(protocol::slot::events);
    lock_.lock();
    console_leader_ = nullptr;
    for (Thread* waiting = std::exchange(console_waiters_, nullptr); waiting;
         waiting = waiting->next_waiting)
        waiting->bell.signal();
    if ((events & protocol::event::stop) != 0) kill(thread, {{1, 15}}); // root asks: SIGTERM
}

} // namespace libos

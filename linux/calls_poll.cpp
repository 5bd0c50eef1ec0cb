// SPDX-License-Identifier: Apache-2.0
// poll and ppoll: only standard input is ever waited for; everything else is ready or not open.
#include <poll.h>

#include <algorithm>

#include "linux/process.hpp"

namespace libos {
namespace {

constexpr u64 most_descriptors = 64;
constexpr u64 look_again = 10'000'000; // ns, between looks at the input while there is a deadline

struct Timespec {
    i64 seconds, nanoseconds;
};

} // namespace

Outcome Process::poll(Thread& thread, Arguments const& arguments) {
    i64 const milliseconds = static_cast<int>(arguments.a[2]);
    u64 const deadline =
        milliseconds < 0 ? never : clock_.monotonic() + static_cast<u64>(milliseconds) * 1'000'000;
    return poll_until(thread, arguments.a[0], arguments.a[1], deadline);
}

Outcome Process::ppoll(Thread& thread, Arguments const& arguments) {
    u64 deadline = never;
    if (arguments.a[2] != 0) {
        Timespec const time = TRY(fetch<Timespec>(arguments.a[2]));
        if (time.seconds < 0 || time.nanoseconds < 0) return fail_with(EINVAL);
        deadline = clock_.monotonic() + static_cast<u64>(time.seconds) * second +
                   static_cast<u64>(time.nanoseconds);
    }
    return poll_until(thread, arguments.a[0], arguments.a[1], deadline);
}

Outcome Process::poll_until(Thread& thread, u64 address, u64 count, u64 deadline) {
    if (count > most_descriptors) return fail_with(EINVAL);
    for (;;) {
        u64 ready = 0;
        for (u64 i = 0; i < count; ++i) {
            u64 const at = address + i * sizeof(pollfd);
            pollfd entry = TRY(fetch<pollfd>(at));
            entry.revents = readiness(entry.fd, entry.events);
            if (entry.revents != 0) ++ready;
            TRY(store(at, entry));
        }
        u64 const now = clock_.monotonic();
        if (ready != 0 || now >= deadline) return ready;
        if (deadline == never && console_) {
            wait_for_console(thread);
            continue;
        }
        lock_.unlock();
        if (!sleep(std::min(deadline, now + look_again))) user::yield();
        lock_.lock();
    }
}

short Process::readiness(int descriptor, short events) {
    if (descriptor < 0) return 0;
    short possible = POLLIN | POLLOUT; // files
    if (descriptor == 1 || descriptor == 2) {
        possible = POLLOUT;
    } else if (descriptor == 0) {
        if (console_)
            terminal_.take_input(*reinterpret_cast<protocol::ConsolePage*>(console_->address));
        possible =
            !console_ || terminal_.ready() ? POLLIN : 0; // without a console: the end of the input
    } else if (!file(static_cast<u64>(descriptor))) {
        return POLLNVAL;
    }
    return static_cast<short>(possible & events);
}

} // namespace libos

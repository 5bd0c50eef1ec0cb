// SPDX-License-Identifier: Apache-2.0
// Futexes: threads wait in one list, each for an address, in the order of their coming.
#include <linux/futex.h>

#include <ctime>

#include "linux/entry.hpp"
#include "linux/process.hpp"

namespace libos {
namespace {

struct Timespec {
    i64 seconds, nanoseconds;
};

} // namespace

Outcome Process::futex(Thread& thread, Arguments const& arguments) {
    auto const [address, operation, value, fourth, other_address, sixth] = arguments.a;
    u32 const bits = static_cast<u32>(sixth);
    u64 const command = operation & static_cast<u64>(FUTEX_CMD_MASK);
    if (address % sizeof(u32) != 0) return fail_with(EINVAL);

    if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) {
        u64 deadline = never;
        if (fourth != 0) {
            Timespec const time = TRY(fetch<Timespec>(fourth));
            if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= i64{second})
                return fail_with(EINVAL);
            u64 const ns =
                static_cast<u64>(time.seconds) * second + static_cast<u64>(time.nanoseconds);
            bool const wall = (operation & FUTEX_CLOCK_REALTIME) != 0;
            deadline = command == FUTEX_WAIT ? clock_.monotonic() + ns
                       : wall                ? clock_.from_wall(ns)
                                             : ns;
        }
        return futex_wait(thread, address, static_cast<u32>(value),
                          command == FUTEX_WAIT ? ~0u : bits, deadline);
    }
    switch (command) {
    case FUTEX_WAKE: return futex_wake(address, value, ~0u);
    case FUTEX_WAKE_BITSET: return futex_wake(address, value, bits);
    case FUTEX_CMP_REQUEUE:
        if (TRY(fetch<u32>(address)) != static_cast<u32>(sixth)) return fail_with(EAGAIN);
        [[fallthrough]];
    case FUTEX_REQUEUE: {
        u64 const woken = futex_wake(address, value, ~0u);
        return woken + futex_requeue(address, other_address, fourth);
    }
    default: return fail_with(ENOSYS);
    }
}

Outcome Process::futex_wait(Thread& thread, u64 address, u32 expected, u32 bits, u64 deadline) {
    if (bits == 0) return fail_with(EINVAL);
    if (TRY(fetch<u32>(address)) != expected) return fail_with(EAGAIN);
    thread.futex = address;
    thread.bits = bits;
    thread.woken = 0;
    thread.next_waiting = nullptr;
    Thread** link = &futex_waiters_;
    while (*link) link = &(*link)->next_waiting;
    *link = &thread;
    wait(thread, deadline);
    if (thread.woken != 0) return 0;
    stop_waiting(thread);
    return fail_with(ETIMEDOUT);
}

void Process::stop_waiting(Thread& thread) {
    for (Thread** link = &futex_waiters_; *link; link = &(*link)->next_waiting) {
        if (*link != &thread) continue;
        *link = thread.next_waiting;
        return;
    }
}

u64 Process::futex_wake(u64 address, u64 most, u32 bits) {
    u64 count = 0;
    for (Thread** link = &futex_waiters_; *link && count < most;) {
        Thread& thread = **link;
        if (thread.futex != address || (thread.bits & bits) == 0) {
            link = &thread.next_waiting;
            continue;
        }
        *link = thread.next_waiting;
        wake(thread);
        ++count;
    }
    return count;
}

u64 Process::futex_requeue(u64 from, u64 to, u64 most) {
    u64 count = 0;
    for (Thread* thread = futex_waiters_; thread && count < most; thread = thread->next_waiting) {
        if (thread->futex != from) continue;
        thread->futex = to;
        ++count;
    }
    return count;
}

// Ends a thread's wait(), wherever in it the thread is: see libos_sleep in entry.S.
void Process::wake(Thread& thread) {
    __atomic_store_n(&thread.woken, 1, __ATOMIC_RELEASE);
    if (!thread.in_timer_call) {
        thread.bell.signal();
        return;
    }
    // These concern another thread of ours, which exists: the kernel has no reason to refuse them.
    auto registers = thread.tcb.read_registers(true);
    u64 const begin = reinterpret_cast<u64>(libos_sleep_begin),
              end = reinterpret_cast<u64>(libos_sleep_end);
    [[maybe_unused]] user::Result<> resumed;
    if (registers && registers->rip >= begin && registers->rip < end) {
        registers->rip = end;
        resumed = thread.tcb.write_registers(*registers, true);
    } else {
        resumed = thread.tcb.resume();
    }
}

} // namespace libos

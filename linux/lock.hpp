// SPDX-License-Identifier: Apache-2.0
// The one lock of the library OS. Who finds it taken waits in the kernel.
#pragma once

#include <atomic>

#include "user/ipc.hpp"

namespace libos {

class Lock {
public:
    void set_bell(user::Notification bell) { bell_ = bell; } // before a second thread exists

    void lock() {
        u32 expected = free;
        if (state_.compare_exchange_strong(expected, taken, std::memory_order_acquire)) return;
        while (state_.exchange(contended, std::memory_order_acquire) != free) bell_.wait();
    }
    void unlock() {
        if (state_.exchange(free, std::memory_order_release) == contended) bell_.signal();
    }

private:
    static constexpr u32 free = 0, taken = 1, contended = 2; // contended: somebody may be waiting
    std::atomic<u32> state_{free};
    user::Notification bell_;
};

} // namespace libos

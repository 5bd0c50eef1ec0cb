// SPDX-License-Identifier: Apache-2.0
// Ends runs of cases that go on for too long. One clock that always runs looks who is running: a run costs no system call for it.
#pragma once

#include "x86/translate/host/signals.hpp"

namespace x86::translate::differential {

class Watchdog : private hosted::TickCatcher {
public:
    static constexpr std::chrono::milliseconds interval{10}; // of the time that this process uses

    class Run {
    public:
        // In a signal handler, again at each tick until it has ended.
        virtual void end(mcontext_t& registers) = 0;

    protected:
        ~Run() = default;
    };

    // While it is alive, the run is watched: it is to end at its tick number `ticks`.
    class Watch {
    public:
        Watch(Watchdog& watchdog, Run& run, unsigned ticks) : watchdog_(watchdog) {
            watchdog_.ticks_left_ = ticks;
            __atomic_store_n(&watchdog_.run_, &run, __ATOMIC_RELEASE);
        }
        ~Watch() { __atomic_store_n(&watchdog_.run_, nullptr, __ATOMIC_RELEASE); }
        Watch(Watch const&) = delete;
        Watch& operator=(Watch const&) = delete;

    private:
        Watchdog& watchdog_;
    };

private:
    void ticked(mcontext_t& registers) override {
        Run* const run = __atomic_load_n(&run_, __ATOMIC_ACQUIRE);
        if (run == nullptr) return;
        if (ticks_left_ > 0) --ticks_left_;
        if (ticks_left_ == 0) run->end(registers);
    }

    Run* run_{};
    unsigned ticks_left_{};
    hosted::TickScope scope_{*this, interval};
};

} // namespace x86::translate::differential

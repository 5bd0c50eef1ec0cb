// SPDX-License-Identifier: Apache-2.0
// What the monitor needs of the world: a clock, an alarm, a console. Implemented with the
// component's capabilities, and by tests.
#pragma once

#include <optional>
#include <string_view>

#include "vmm/pc/uart.hpp"

namespace vmm {

class Host : public ConsolePort {
public:
    virtual u64 now() = 0; // the time-stamp counter
    // Wakes wait() and ends Engine::run() at that time or a little later; possibly earlier, too.
    virtual void set_alarm(u64 deadline) = 0;
    // Engine::run() ended because of these events (protocol::event).
    virtual void happened(u64 events) = 0;
    // The next byte typed, if there is one.
    virtual std::optional<char> input() = 0;
    // Lets the console see what was put so far.
    virtual void flush() = 0;
    // A line of the monitor's own.
    virtual void say(std::string_view line) = 0;
    // Somebody wants the guest to end.
    virtual bool asked_to_stop() = 0;
    // Somebody wants to know what the guest took so far; true once for each wish.
    virtual bool asked_to_report() = 0;
};

} // namespace vmm

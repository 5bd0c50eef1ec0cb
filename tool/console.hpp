// SPDX-License-Identifier: Apache-2.0
// A script at the console of a machine in QEMU.
#pragma once

#include <chrono>
#include <functional>

#include "tool/process.hpp"
#include "tool/script.hpp"

// What the end of QEMU says about the system in it.
struct EndOfQemu {
    bool failed{};
    std::string text;
};
EndOfQemu end_of_qemu(Ended const& end);

class ScriptedConsole {
public:
    ScriptedConsole(std::vector<std::string> const& command, std::vector<ScriptStep> steps, double timeout_seconds);

    // Talks until the script is done, the system has stopped or the time is over; calls `seen` for each expected text, with
    // the seconds since the start. Returns "" on success, otherwise what went wrong. The machine is off afterwards.
    std::string talk(std::function<void(std::string const& text, double seconds)> const& seen);

    std::string const& text() const { return script_.console(); }
    std::vector<std::string> last_lines(std::size_t count) const { return script_.last_lines(count); }

private:
    double seconds() const;
    void hear(std::string_view printed, std::function<void(std::string const&, double)> const& seen);
    Script script_;
    double timeout_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    Process qemu_;
};

// SPDX-License-Identifier: Apache-2.0
#include "tool/console.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "protocol/system.hpp"

EndOfQemu end_of_qemu(Ended const& end) {
    if (end.signal != 0) return {true, fmt::format("QEMU was ended by signal {}", end.signal)};
    if (end.status == 127) return {true, "QEMU (qemu-system-x86_64) is not installed; run ./tessera setup"};
    // The exit device makes (value << 1) | 1 of what root writes.
    if (end.status == (int{protocol::exit_clean} << 1 | 1)) return {false, "the system has stopped"};
    if (end.status == (int{protocol::exit_failed} << 1 | 1)) return {true, "the system has stopped, and not all went well"};
    if (end.status == 0) return {false, "the machine was reset or switched off"};
    return {true, fmt::format("QEMU failed with exit status {}", end.status)};
}

ScriptedConsole::ScriptedConsole(std::vector<std::string> const& command, std::vector<ScriptStep> steps, double timeout_seconds)
    : script_(std::move(steps)), timeout_(timeout_seconds), qemu_(command, Process::Streams::piped) {}

double ScriptedConsole::seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void ScriptedConsole::hear(std::string_view printed, std::function<void(std::string const&, double)> const& seen) {
    auto const before = script_.seen().size();
    auto const typed = script_.hear(printed);
    for (auto i = before; i < script_.seen().size(); ++i) seen(script_.seen()[i], seconds());
    if (!typed.empty()) qemu_.type(typed);
}

std::string ScriptedConsole::talk(std::function<void(std::string const&, double)> const& seen) {
    hear("", seen);
    while (!script_.done()) {
        double const left = timeout_ - seconds();
        if (left <= 0) return fmt::format("\"{}\" was not seen within {} s", script_.waiting_for(), timeout_);
        pollfd output{.fd = qemu_.output(), .events = POLLIN, .revents = 0};
        if (poll(&output, 1, static_cast<int>(std::min(left * 1000, 1e6)) + 1) <= 0) continue;
        char buffer[4096];
        auto const count = read(qemu_.output(), buffer, sizeof buffer);
        if (count > 0) {
            hear({buffer, static_cast<std::size_t>(count)}, seen);
            continue;
        }
        return fmt::format("{} before \"{}\" was seen", end_of_qemu(qemu_.wait()).text, script_.waiting_for());
    }
    qemu_.stop();
    return "";
}

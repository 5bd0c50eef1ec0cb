// SPDX-License-Identifier: Apache-2.0
// The monitor's arguments: NAME COMMAND_LINE [--report-at TEXT]. Everything else it needs are
// grants: `console`, `timer`, `guest`, and the files `kernel` and (optionally) `initramfs`.
#pragma once

#include <expected>
#include <span>
#include <string>

namespace vmm {

struct Options {
    std::string name;
    std::string command_line;
    std::string report_at; // print the exits so far when the guest's output contains this
};

// The error is one line.
inline std::expected<Options, std::string> parse_options(std::span<char const* const> arguments) {
    if (arguments.size() < 2) return std::unexpected("usage: NAME COMMAND_LINE [--report-at TEXT]");
    Options options{arguments[0], arguments[1], {}};
    for (std::size_t i = 2; i < arguments.size(); ++i) {
        if (arguments[i] != std::string("--report-at") || i + 1 == arguments.size())
            return std::unexpected("argument \"" + std::string(arguments[i]) +
                                   "\" is unknown or lacks its text");
        options.report_at = arguments[++i];
    }
    return options;
}

} // namespace vmm

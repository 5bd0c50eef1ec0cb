// SPDX-License-Identifier: Apache-2.0
// The monitor's arguments: NAME COMMAND_LINE [--report-at TEXT] [--json] [--engine
// nested|shadow|trap|translate] [--shadow fill|sync] [--shadow-memory BYTES] [--code-cache BYTES] [--no-patch]. Everything else it needs are grants:
// `console`, `timer`, `guest`, and the files `kernel` and (optionally) `initramfs`.
#pragma once

#include <charconv>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "vmm/shadow/policy.hpp"

namespace vmm {

enum class EngineKind { nested, shadow, trap, translate };

struct Options {
    std::string name;
    std::string command_line;
    std::string report_at; // print the exits so far when the guest's output contains this
    bool json{};           // reports are JSON
    EngineKind engine{};
    shadow::Policy shadow = shadow::Policy::sync;
    u64 shadow_memory{}; // bytes for shadow page tables; all engines but nested
    u64 code_cache{};    // bytes for translated code, a multiple of 2 MiB; engine translate
    bool patch = true;   // engine trap: replace sensitive instructions that do not trap
};

// A whole decimal number, or nothing.
inline std::optional<u64> number_in(std::string_view text) {
    u64 value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// The error is one line.
inline std::expected<Options, std::string> parse_options(std::span<char const* const> arguments) {
    if (arguments.size() < 2) return std::unexpected("usage: NAME COMMAND_LINE [--report-at TEXT] ...");
    Options options{.name = arguments[0], .command_line = arguments[1], .report_at = {}};
    for (std::size_t i = 2; i < arguments.size(); ++i) {
        std::string const name = arguments[i];
        if (name == "--json") {
            options.json = true;
            continue;
        }
        if (name == "--no-patch") {
            options.patch = false;
            continue;
        }
        std::string const value = i + 1 < arguments.size() ? arguments[++i] : "";
        if (name == "--report-at" && !value.empty())
            options.report_at = value;
        else if (name == "--engine" && value == "nested")
            options.engine = EngineKind::nested;
        else if (name == "--engine" && value == "shadow")
            options.engine = EngineKind::shadow;
        else if (name == "--engine" && value == "trap")
            options.engine = EngineKind::trap;
        else if (name == "--engine" && value == "translate")
            options.engine = EngineKind::translate;
        else if (name == "--shadow" && (value == "fill" || value == "sync"))
            options.shadow = value == "fill" ? shadow::Policy::fill : shadow::Policy::sync;
        else if (name == "--shadow-memory" && number_in(value))
            options.shadow_memory = *number_in(value);
        else if (name == "--code-cache" && number_in(value))
            options.code_cache = *number_in(value);
        else
            return std::unexpected("argument \"" + name + "\" is unknown or its value is not one it takes");
    }
    return options;
}

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
// The board in this process, and the three ways to run a case on it: the translator, Unicorn, and the emulator, step by step, which knows what the
// other two cannot be compared by.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "x86/translate/differential/mode_trace.hpp"
#include "x86/translate/differential/unicorn.hpp"
#include "x86/translate/host/translated.hpp"

namespace x86::translate::differential {

class ModeWorld {
public:
    ModeWorld(u64 seed, Options const& options);

    // Empty: all ways agree.
    std::string compare(ModeCase const& test);

    struct Counts {
        u64 cases, halted, exceptions;
        u64 compared;                     // translator and Unicorn
        std::map<std::string, u64> why;   // why not
        std::map<std::string, u64> kinds; // of those that were: mode, size of code, level
    };
    Counts counts{};
    translate::Counters const& translator_counters() { return runner_.translator().counters(); }

private:
    using Image = std::vector<u8>;
    void put(ModeCase const& test);
    void restore(Image const& from);
    ModeOutcome translated(ModeCase const& test);
    ModeOutcome by_unicorn(ModeCase const& test);
    std::string difference(ModeCase const& test, ModeTrace const& trace, char const* name, ModeOutcome const& expected, std::span<u8 const> expected_memory,
                           ModeOutcome const& got) const;

    hosted::Memory memory_;
    hosted::TranslatorRunner runner_;
    ModeTracer tracer_{memory_};
    std::optional<Unicorn> unicorn_;
    u64 unicorn_runs_{};
    Watchdog watchdog_;
    Image base_ = Image(board::bytes), before_ = base_, emulated_memory_ = base_, translated_memory_ = base_;
};

} // namespace x86::translate::differential

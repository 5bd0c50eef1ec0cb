// SPDX-License-Identifier: Apache-2.0
// A case step by step in the emulator, which so finds out by what the others can be compared.
#pragma once

#include "x86/translate/differential/mode_outcome.hpp"
#include "x86/translate/host/processor.hpp"

namespace x86::translate::differential {

struct ModeTrace {
    ModeOutcome outcome;
    char const* incomparable{};   // nothing to compare at all: why
    char const* not_by_unicorn{}; // with the emulator only: why
    u32 undefined{};              // flags
};

class ModeTracer {
public:
    explicit ModeTracer(hosted::Memory& memory) : processor_(state_, memory) {}
    ModeTrace run(ModeCase const& test);

private:
    struct Step;
    void look(Step const& step);
    void judge(Step const& step, ModeCase const& test);

    State state_{};
    hosted::HostProcessor processor_;
    ModeTrace trace_;
};

Segment segment_of(ModeCase const& test, SegmentName name);
unsigned size_of(Segment const& segment); // of code or stack, bytes: 2 or 4
// Puts the processor where the case begins; and tells where it is.
void begin(hosted::HostProcessor& processor, State& state, ModeCase const& test);
ModeOutcome outcome_of(hosted::HostProcessor& processor, State const& state, std::optional<Exception> const& exception);

} // namespace x86::translate::differential

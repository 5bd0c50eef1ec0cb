// SPDX-License-Identifier: Apache-2.0
// How a run of a case ended.
#pragma once

#include <optional>

#include "x86/translate/differential/mode_case.hpp"

namespace x86::translate::differential {

struct ModeOutcome {
    u32 general[8]{};
    u16 selectors[6]{};
    u32 eip{}, flags{};
    std::optional<u8> vector;      // of an exception, with eip on the instruction (a single step: behind it); else HLT ended it
    std::optional<u32> error_code; // if the vector has one, and it is known
    u32 address{};                 // of a page fault
    char const* incomparable{};    // it did not come to an end: why
};

} // namespace x86::translate::differential

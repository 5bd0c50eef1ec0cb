// SPDX-License-Identifier: Apache-2.0
// How a run of a case ended.
#pragma once

#include <optional>

#include "x86/emulate/processor.hpp"
#include "x86/translate/differential/case.hpp"

namespace x86::translate::differential {

struct Outcome {
    static constexpr char const* too_long = "the watchdog ended it";
    u32 general[8]{};
    u32 eip{}; // the exit that was taken, or where the exception says
    u32 flags{};
    std::optional<Exception> exception; // instead of an exit
    alignas(16) u8 fpu[512]{};          // as FXSAVE has it
    char const* unsupported{};          // it could not be run to its end: nothing to compare
};

} // namespace x86::translate::differential

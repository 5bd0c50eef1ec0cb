// SPDX-License-Identifier: Apache-2.0
// Runs a piece of code on the processor of this machine, in 64-bit user mode, with all general
// registers and the flags chosen. One thread only.
#pragma once

#include <optional>

#include "x86/emulate/processor.hpp"

namespace x86::native {

struct Outcome {
    CoreState core; // rip: of the exit that was taken, or of the instruction that faulted
    std::optional<Exception> exception; // instead of an exit
};

// Takes the signals that exceptions become. Call it once.
void prepare();

// core.rip is where to begin. The code leaves by jumping to one of the exits.
Outcome run(CoreState const& core);
u64 exit_address(); // where a jump ends run()

u64 fs_base();
u16 selector(SegmentName name);

} // namespace x86::native

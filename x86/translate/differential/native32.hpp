// SPDX-License-Identifier: Apache-2.0
// Runs a piece of code on the processor of this machine in 32-bit user mode: this process goes to the kernel's segment for 32-bit programs and comes
// back by a jump to one of the exits. One thread only.
#pragma once

#include "x86/translate/differential/outcome.hpp"
#include "x86/translate/differential/watchdog.hpp"

namespace x86::translate::differential {

class Native : private hosted::FaultCatcher, public Watchdog::Run {
public:
    // Writes the ways back into the page at arena::exits, which this process can write here and execute there.
    static void write_exits(u8* page);

    Outcome run(Case const& test, u8 const (&fpu)[512]);
    void end(mcontext_t& registers) override;

private:
    bool caught(mcontext_t& registers) override;
    void leave(mcontext_t& registers);
    Outcome outcome_;
};

} // namespace x86::translate::differential

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "x86/translate/differential/watchdog.hpp"
#include "x86/translate/host/runner.hpp"

namespace x86::translate::differential {

// It stops with Stop::Why::event.
class RunOfRunner : public Watchdog::Run {
public:
    explicit RunOfRunner(hosted::Runner& runner) : runner_(runner) {}
    void end(mcontext_t&) override { runner_.interrupt(); }

private:
    hosted::Runner& runner_;
};

} // namespace x86::translate::differential

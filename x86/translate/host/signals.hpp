// SPDX-License-Identifier: Apache-2.0
// Exceptions of the processor in code that is not this program's own, and a clock that interrupts it: they come as signals.
#pragma once

#include <chrono>
#include <ucontext.h>

#include "x86/emulate/processor.hpp"

namespace x86::translate::hosted {

class FaultCatcher {
public:
    // May change the registers with which to go on. False: the fault is this program's own, which dies of it.
    virtual bool caught(mcontext_t& registers) = 0;

protected:
    ~FaultCatcher() = default;
};

// Who is asked while it is alive; the innermost one. One thread only.
class FaultScope {
public:
    explicit FaultScope(FaultCatcher& catcher);
    ~FaultScope();
    FaultScope(FaultScope const&) = delete;
    FaultScope& operator=(FaultScope const&) = delete;

private:
    FaultCatcher* before_;
};

class TickCatcher {
public:
    // In the middle of anything; may change the registers with which to go on.
    virtual void ticked(mcontext_t& registers) = 0;

protected:
    ~TickCatcher() = default;
};

// Who is called in intervals of the time that this process uses, while it is alive. One at a time, one thread only.
class TickScope {
public:
    TickScope(TickCatcher& catcher, std::chrono::microseconds interval);
    ~TickScope();
    TickScope(TickScope const&) = delete;
    TickScope& operator=(TickScope const&) = delete;
};

// What the processor said, in the guest's words.
Exception exception_of(mcontext_t const& registers);

} // namespace x86::translate::hosted

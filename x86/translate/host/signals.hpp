// SPDX-License-Identifier: Apache-2.0
// Exceptions of the processor in code that is not this program's own: they come as signals.
#pragma once

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

// What the processor said, in the guest's words.
Exception exception_of(mcontext_t const& registers);

} // namespace x86::translate::hosted

// SPDX-License-Identifier: Apache-2.0
// Lines on the debug console.
#pragma once

#include "kernel/thread/tcb.hpp"

namespace report {
void text(char const* string);
void hex(u64 value); // with 0x
void decimal(u64 value);
} // namespace report

// The thread faulted and has no handler: says which thread, what and where, in one line.
void log_unhandled_fault(Tcb const& thread);

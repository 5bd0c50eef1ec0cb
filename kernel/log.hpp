// SPDX-License-Identifier: Apache-2.0
// Lines on the debug console about threads.
#pragma once

#include "kernel/thread/tcb.hpp"

// The thread faulted and has no handler: says which thread, what and where, in one line.
void log_unhandled_fault(Tcb const& thread);

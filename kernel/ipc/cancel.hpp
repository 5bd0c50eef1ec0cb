// SPDX-License-Identifier: Apache-2.0
// Taking a thread out of whatever it waits for, stopping it, and letting it go on: ABI 7.1, 8.7.
#pragma once

#include "kernel/thread/tcb.hpp"

class Kernel;

// The thread leaves its queue; a reply capability to it disappears. Its state is still to be set.
void cancel_ipc(Kernel& kernel, Tcb& thread);
// The thread does not run until it is resumed.
void suspend(Kernel& kernel, Tcb& thread);
// A stopped thread starts at FaultIP; others are left alone.
void resume(Kernel& kernel, Tcb& thread);
// A thread that waits for nothing any more starts at FaultIP: it joins the head of its ready queue.
void make_restart(Kernel& kernel, Tcb& thread);

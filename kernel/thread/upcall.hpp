// SPDX-License-Identifier: Apache-2.0
// Kernel extension 2: a thread's own library OS gets its system calls and exceptions (abi/upcall.hpp).
#pragma once

#include "kernel/thread/tcb.hpp"

// Continues the thread at its upcall entry when it asked for such upcalls and may take one now. False: nothing changed.
bool start_upcall(Tcb& thread, abi::UpcallCause cause, u64 vector, u64 error_code, u64 address);

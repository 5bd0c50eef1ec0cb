// SPDX-License-Identifier: Apache-2.0
// The groups of TCB invocations, each in a file of its own: ABI 7.1.
#pragma once

#include "kernel/invocation/invocation.hpp"

inline Tcb& target_of(Invocation const& call) { return *call.cap().get<TcbCap>().object; }

InvocationResult invoke_read_registers(Invocation const& call);
InvocationResult invoke_write_registers(Invocation const& call);
InvocationResult invoke_copy_registers(Invocation const& call);

InvocationResult invoke_configure(Invocation const& call);
InvocationResult invoke_set_space(Invocation const& call);
InvocationResult invoke_set_ipc_buffer(Invocation const& call);

InvocationResult invoke_set_ept_root(Invocation const& call); // extension 1
InvocationResult invoke_set_shared_root(Invocation const& call);
InvocationResult invoke_set_upcall(Invocation const& call); // extension 2

// SPDX-License-Identifier: Apache-2.0
// Counted invocations of kernel objects. Loading the message registers and storing the answer are inside the interval;
// what goes into the IPC buffer is put there before. An invocation that fails ends the bench.
#pragma once

#include <initializer_list>

#include "bench/kernel/report.hpp"
#include "bench/kernel/stubs.hpp"

// Returns the call made ready: bench_timed_full makes it, check looks at its answer.
SystemCall invocation(user::CPtr object, abi::Label label, std::initializer_list<u64> words = {},
                      std::initializer_list<user::CPtr> caps = {});
void check(SystemCall const& call);
u64 timed_invocation(user::CPtr object, abi::Label label, std::initializer_list<u64> words = {},
                     std::initializer_list<user::CPtr> caps = {});

// SPDX-License-Identifier: Apache-2.0
// System calls of a component's own library OS, beside Linux' numbers (rax; SYSCALL instruction; arguments as in Linux).
#pragma once

#include "base/types.hpp"

namespace protocol {

inline constexpr u32 thread_page_call = 0x7e550001; // returns the address of the calling thread's page (its IPC buffer)
inline constexpr u32 take_events_call = 0x7e550002; // from now on only the program waits for slot::events
// rdi = size as a power of two in bytes, rsi = free slot of the program: a piece of the component's untyped memory goes
// there for good. -ENOMEM if there is no such piece.
inline constexpr u32 take_memory_call = 0x7e550003;

} // namespace protocol

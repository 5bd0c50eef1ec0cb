// SPDX-License-Identifier: Apache-2.0
// What entry.S and libos.ld offer, and what entry.S calls.
#pragma once

#include "abi/upcall.hpp"
#include "protocol/component.hpp"

extern "C" {
#pragma GCC visibility push(hidden) // in this image: addressed relative to rip

extern char const libos_text[], libos_text_end[];
extern char const libos_sleep_begin[], libos_sleep_end[];

void libos_upcall_entry();
[[noreturn]] void libos_enter_program(u64 rip, u64 rsp);
// A Call with one message word that another thread can end; returns the answer's message info
// (meaningless if ended).
u64 libos_sleep(u64 endpoint, u64 message_info, u64 deadline, u32 const* woken);

[[noreturn]] void libos_start(protocol::ComponentInfo const& info);
bool libos_upcall(abi::UpcallBlock& block);

#pragma GCC visibility pop
} // extern "C"

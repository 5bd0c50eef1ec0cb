// SPDX-License-Identifier: Apache-2.0
// Memory that nobody uses yet. Everything below the free offset was handed out since the last reset, everything above is
// clear (RAM): ABI 6.4, 10.5.
#pragma once

#include "kernel/capability/deletion.hpp"
#include "kernel/capability/slot.hpp"

// The untyped in the slot has no children: clears what had been handed out, from the top down, and sets the free offset
// to 0. Preempted: the offset says how far it came.
std::expected<void, Preempted> reset_untyped(Kernel& kernel, Slot& slot);

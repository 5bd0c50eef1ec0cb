// SPDX-License-Identifier: Apache-2.0
// Emptying slots: delete and revoke (ABI 10.4). Both stop at preemption points with everything consistent.
#pragma once

#include "kernel/capability/slot.hpp"

class Kernel;

struct Preempted {}; // an interrupt waits: the system call is left as it was and will be repeated

// Empties the slot. When it held the last capability to a CNode or TCB, the slots inside are emptied too.
std::expected<void, Preempted> delete_slot(Kernel& kernel, Slot& slot);
// Empties a slot whose capability has no slots inside, or has others beside it: cannot be preempted.
void delete_simple(Kernel& kernel, Slot& slot);
// Deletes everything derived from the slot's capability.
std::expected<void, Preempted> revoke(Kernel& kernel, Slot& slot);

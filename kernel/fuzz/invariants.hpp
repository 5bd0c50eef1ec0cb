// SPDX-License-Identifier: Apache-2.0
// What must hold after every kernel entry, whatever users did. The first breach ends the program with its name.
#pragma once

class Slot;

namespace fuzz::invariants {

// Everything is found from this slot on the first time.
void start_from(Slot& slot);
void check();
// Memory that untyped capabilities count as never handed out is clear. Reads all of it: once for each program.
void check_unused_memory();

// The world was made, or put back: what the checks know from the call before belongs to it.
void remember();
void restore();

} // namespace fuzz::invariants

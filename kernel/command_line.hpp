// SPDX-License-Identifier: Apache-2.0
// The kernel's own command line: words the loader passes on.
//   debug=all   every thread may make the debug system calls: seL4's debug build (the default)
//   debug=root  only the root task may: nobody else can write to the debug console or halt the machine
//   debug=none  nobody: seL4's release build
#pragma once

#include "base/types.hpp"

enum class DebugCalls : u8 { all, root_task, none };

// The last debug= word decides; unknown words are left to others. `text` may be null; at most `limit` bytes are read.
DebugCalls debug_calls_in(char const* text, u64 limit);
char const* name_of(DebugCalls calls); // as in the command line

// SPDX-License-Identifier: Apache-2.0
// The kernel's own command line: words the loader passes on.
//   debug=all     every thread may make the debug system calls: seL4's debug build (the default)
//   debug=root    only the root task may: nobody else can write to the debug console or halt the machine
//   debug=none    nobody: seL4's release build
//   fastpath=off  every system call takes the general way, to measure what the fast paths save (on: the default)
#pragma once

#include "base/types.hpp"

enum class DebugCalls : u8 { all, root_task, none };

struct CommandLine {
    DebugCalls debug_calls = DebugCalls::all;
    bool fast_paths = true;
};

// The last word of a kind decides; unknown words are left to others. `text` may be null; at most `limit` bytes are read.
CommandLine read_command_line(char const* text, u64 limit);
char const* name_of(DebugCalls calls); // as in the command line

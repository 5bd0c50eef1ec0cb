// SPDX-License-Identifier: Apache-2.0
// Lines on the debug console: print_line("RAM ", 512, " MiB at ", Hex{start}).
#pragma once

#include "base/types.hpp"
#include "kernel/machine/machine.hpp"

namespace machine {

struct Hex {
    u64 value;
};

void print(char const* text);
void print(u64 decimal);
void print(Hex number); // 0x and no leading zeros

template <class... Parts> void print_line(Parts... parts) {
    (print(parts), ...);
    put_char('\n');
}

// For what makes going on impossible: "tessera: ...", then the machine stands still.
template <class... Parts> [[noreturn]] void fatal(Parts... parts) {
    print_line("tessera: ", parts...);
    halt();
}

} // namespace machine

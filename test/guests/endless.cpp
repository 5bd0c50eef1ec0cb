// SPDX-License-Identifier: Apache-2.0
// What never ends, and takes as much as it gets.
#include "test/guests/behaviours.hpp"
#include "test/guests/machine.hpp"

namespace guest {

void flood(std::string_view) {
    for (;;) print_line("a flood of words that nobody wants to read, for ever and ever");
}

void flood_blindly(std::string_view) {
    for (;;)
        for (char const c : std::string_view("a blind flood\r\n"))
            out8(com1::data, static_cast<u8>(c));
}

void spin(std::string_view) {
    print_line("guest spins");
    for (;;) asm volatile("cli");
}

// A breakpoint on the first instruction of the handler for breakpoints: the processor alone would
// raise one after the other and look at nothing else.
void debug_storm(std::string_view) {
    print_line("guest raises a storm");
    asm volatile("mov %0, %%dr0; mov %1, %%dr7" ::"r"(entry_of(debug)), "r"(u64{0x401}));
    asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop" ::: "memory", "cc");
}

void reboot(std::string_view) {
    print_line("guest resets the machine");
    reset();
}

} // namespace guest

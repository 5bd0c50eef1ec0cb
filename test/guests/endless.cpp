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
        for (char const c : std::string_view("a blind flood\r\n")) out8(com1::data, static_cast<u8>(c));
}

void spin(std::string_view) {
    print_line("guest spins");
    for (;;) asm volatile("cli");
}

void reboot(std::string_view) {
    print_line("guest resets the machine");
    reset();
}

} // namespace guest

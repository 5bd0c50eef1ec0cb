// SPDX-License-Identifier: Apache-2.0
#include "test/guests/behaviours.hpp"
#include "test/guests/machine.hpp"

namespace guest {

void hello(std::string_view) { print_line("hello from a guest"); }

void echo(std::string_view) {
    enable_apic();
    route_serial();
    print_line("guest listens");
    char line[80];
    for (unsigned size = 0;;) {
        while ((in8(com1::line_status) & com1::data_ready) == 0) idle();
        char const c = static_cast<char>(in8(com1::data));
        if (c != '\r' && c != '\n') {
            if (size < sizeof line) line[size++] = c;
            continue;
        }
        std::string_view const said(line, size);
        size = 0;
        if (said == "quit") return;
        print_line("guest got ", said);
    }
}

} // namespace guest

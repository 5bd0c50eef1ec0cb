// SPDX-License-Identifier: Apache-2.0
// What the test guest can do; the first word of its command line chooses. A behaviour that returns
// powers the machine off.
#pragma once

#include <string_view>

namespace guest {

// Well-behaved.
void hello(std::string_view);
void echo(std::string_view); // repeats each line it reads, until "quit"; sleeps in between

// Stopped by the monitor, with a reason.
void triple_fault(std::string_view);
void bad_instruction(std::string_view);
void read_unmapped(std::string_view);
void write_unmapped(std::string_view);
void execute_unmapped(std::string_view);
void missing_device(std::string_view);
void vector_device(std::string_view);
void halt(std::string_view);

// Without an end.
void flood(std::string_view);         // writes when the line is ready
void flood_blindly(std::string_view); // writes without asking
void spin(std::string_view);
void debug_storm(std::string_view);
void reboot(std::string_view);

// Try what must be refused or must survive, and say how many checks failed.
void msr(std::string_view);
void ports(std::string_view);
void privileged(std::string_view);
void strings(std::string_view); // string instructions on ports and on a device in memory
void state(std::string_view parts); // FPU ("avx": with AVX), debug registers, MSRs
void tables(std::string_view);       // bad page tables, and what holds for good ones
void wild(std::string_view seed);   // executes random bytes

} // namespace guest

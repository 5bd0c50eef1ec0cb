// SPDX-License-Identifier: Apache-2.0
// Output on COM1 through an I/O port capability: the one way to print that a release build of any kernel with this ABI
// leaves to a root task.
#pragma once

#include "user/io_port.hpp"
#include "user/text.hpp"

// machine: the port of the emulator's exit device.
void open_report(user::IoPort console, user::IoPort machine);
user::IoPort console();
void print(char const* text);
// One row of the bench: "bench NAME VALUE UNIT".
void report(user::Text<64> const& name, u64 value, char const* unit = "instructions");

// Says so and ends the emulator, if the machine has that device.
[[noreturn]] void give_up(char const* what);
template <class Result> void must(char const* what, Result const& result) {
    if (!result) give_up(what);
}

// The parts of a row's name, joined: name("ipc.rt.", "same.", 4).
inline void add_part(user::Text<64>& text, char const* part) { text.add(part); }
inline void add_part(user::Text<64>& text, u64 number) { text.decimal(number); }
template <class... Part> user::Text<64> name(Part... parts) {
    user::Text<64> text;
    (add_part(text, parts), ...);
    return text;
}

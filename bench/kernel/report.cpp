// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel/report.hpp"

#include "abi/boot_info.hpp"
#include "protocol/system.hpp"
#include "user/tcb.hpp"

namespace {

constexpr u16 com1 = 0x3f8;
user::IoPort port, exit_device;

} // namespace

void open_report(user::IoPort console, user::IoPort machine) {
    port = console;
    exit_device = machine;
}
user::IoPort console() { return port; }

void print(char const* text) {
    while (*text != 0) (void)port.out8(com1, static_cast<u8>(*text++));
}

void report(user::Text<64> const& name, u64 value, char const* unit) {
    user::Text<128> line;
    line.add("bench ").add(name.c_str()).add(" ").decimal(value).add(" ").add(unit).add("\n");
    print(line.c_str());
}

void give_up(char const* what) {
    print(user::Text<96>().add("bench: cannot ").add(what).add("\n").c_str());
    (void)exit_device.out8(protocol::exit_port, protocol::exit_failed);
    for (;;) (void)user::Tcb{abi::initial_slot::tcb}.suspend();
}

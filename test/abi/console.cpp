// SPDX-License-Identifier: Apache-2.0
#include "test/abi/console.hpp"

#include "test/abi/world.hpp"
#include "user/io_port.hpp"

namespace {

constexpr u16 com1 = 0x3f8;
constexpr u16 line_status = com1 + 5;
constexpr u8 transmit_empty = 1 << 5;

user::IoPort ports;

void put(char c) {
    while ((ports.in8(line_status).value_or(transmit_empty) & transmit_empty) == 0) {
    }
    [[maybe_unused]] auto const written = ports.out8(com1, static_cast<u8>(c));
}

} // namespace

void open_console() {
    user::IoPortControl const control{abi::initial_slot::io_port_control};
    ports = control.issue(com1, com1 + 7, {root_cnode}, console_slot()).value_or(user::IoPort{});
}

void print(char const* text) {
    for (; *text != 0; ++text) {
        if (*text == '\n') put('\r');
        put(*text);
    }
}

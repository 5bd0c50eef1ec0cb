// SPDX-License-Identifier: Apache-2.0
// A timer that checks can have.
#pragma once

#include "test/abi/check.hpp"
#include "test/abi/puppet.hpp"
#include "user/io_port.hpp"

// The PIT, which no kernel uses after boot: one interrupt on pin 2 of the I/O APIC after each start().
struct Timer {
    user::IoPort ports;
    explicit Timer(Scope& scope) : ports{scope.slot()} {
        must("the PIT's ports", invoke(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue,
                                       {0x40, 0x43, ports.cptr, depth}, {root_cnode}));
    }
    void out(u16 port, u8 value) const { must("write to the PIT", ports.out8(port, value).has_value()); }
    void start(u16 ticks = 1193) const { // of 838 ns
        out(0x43, 0x30);                 // counter 0, mode 0: the output goes high at the end
        out(0x40, static_cast<u8>(ticks));
        out(0x40, static_cast<u8>(ticks >> 8));
    }
    // The notification's word. An emulator raises the interrupt a little after the counter has ended.
    u64 wait(CPtr notification) const {
        for (unsigned i = 0; i < 1000000; ++i) {
            if (u64 const word = poll(notification)) return word;
        }
        return 0;
    }
    // Whether nothing comes: the counter has ended, and some time has gone by.
    bool silent(CPtr notification) const {
        while ((status() & 0x80) == 0) {
        }
        return quiet(notification);
    }
    static bool quiet(CPtr notification) {
        u64 word = 0;
        for (unsigned i = 0; i < 10000; ++i) word |= poll(notification);
        return word == 0;
    }
    u8 status() const {
        out(0x43, 0xe2); // read back the status of counter 0
        return ports.in8(0x40).value_or(0xff);
    }
};

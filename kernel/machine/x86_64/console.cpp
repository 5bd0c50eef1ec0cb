// SPDX-License-Identifier: Apache-2.0
// The debug console: COM1, 16550 data sheet, polled. A console driver may own the same UART later: nothing here keeps state.
#include "kernel/machine/x86_64/console.hpp"

#include "kernel/machine/machine.hpp"
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/instructions.hpp"

namespace machine {
namespace {

constexpr u16 base = 0x3f8;
constexpr u16 data = base, interrupt_enable = base + 1, fifo_control = base + 2, line_control = base + 3,
              modem_control = base + 4, line_status = base + 5;
using TransmitEmpty = Bits<5>;

void send(u8 byte) {
    // A UART that is stuck or absent must not stop the kernel: 100000 reads are well over one byte's time at 115200 baud.
    for (unsigned tries = 0; tries < 100000; ++tries) {
        if (TransmitEmpty::get(processor::in8(line_status))) break;
        processor::pause();
    }
    processor::out8(data, byte);
}

} // namespace

void start_console() {
    processor::out8(interrupt_enable, 0);
    processor::out8(line_control, 0x80); // divisor latch
    processor::out8(data, 1);            // 115200 baud
    processor::out8(interrupt_enable, 0);
    processor::out8(line_control, 0x03);  // 8 bits, no parity, 1 stop bit
    processor::out8(fifo_control, 0x07);  // on, cleared
    processor::out8(modem_control, 0x0b); // DTR, RTS, OUT2
}

void put_char(char c) {
    if (c == '\n') send('\r');
    send(static_cast<u8>(c));
}

void halt() {
    for (;;) asm volatile("cli; hlt");
}

} // namespace machine

extern "C" [[noreturn]] void abort();
void abort() { machine::fatal("abort() in the kernel: a state that cannot be"); }

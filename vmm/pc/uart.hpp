// SPDX-License-Identifier: Apache-2.0
// A 16550A serial port (National Semiconductor PC16550D data sheet). The transmitter sends as fast
// as the console takes bytes: when the console's queue is full the transmitter stays busy, so a
// guest that floods it waits and loses nothing. A guest that polls a busy transmitter sleeps
// instead of burning its processor.
#pragma once

#include "base/fixed_vector.hpp"
#include "base/types.hpp"

namespace vmm {

// Where the bytes go. Implemented over the console page, and by tests.
class ConsolePort {
public:
    virtual ~ConsolePort() = default;
    virtual bool room() = 0;         // can take at least Uart::fifo_size bytes
    virtual void put(char byte) = 0; // only after room() said yes
    virtual void
    wait() = 0; // there is no room: sleeps until there may be some, or something else happened
};

class Uart {
public:
    static constexpr unsigned fifo_size = 16;

    explicit Uart(ConsolePort& console) : console_(console) {}

    u8 read(u16 offset); // offset 0..7
    void write(u16 offset, u8 value);

    // Takes one byte from the keyboard; false when the receiver is full (offer it again later).
    [[nodiscard]] bool receive(char byte);
    // Tries to go on transmitting: call it when the console may have room again.
    void pump();
    // The transmitter holds bytes that the console had no room for.
    bool blocked() const { return transmit_count_ != 0; }
    // Level of the interrupt line.
    bool interrupt() const;
    void reset();

private:
    u8 interrupt_identification();
    void transmit(u8 byte);
    void control_fifo(u8 value);

    ConsolePort& console_;
    u8 interrupt_enable_{};
    u8 line_control_{};
    u8 modem_control_{};
    u8 scratch_{};
    u16 divisor_{1};
    bool fifo_enabled_{};
    bool transmit_empty_pending_{}; // THRE interrupt: set when the transmitter runs empty, cleared
                                    // by reading IIR
    u8 receive_[fifo_size]{};
    unsigned receive_first_{};
    unsigned receive_count_{};
    bool overrun_{};
    u8 transmit_[fifo_size]{};
    unsigned transmit_count_{};
};

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/uart.hpp"

#include <algorithm>

namespace vmm {
namespace {

// Registers by offset; 0 and 1 are the divisor while LineControl::DivisorLatch is set.
constexpr u16 data = 0;
constexpr u16 interrupt_enable = 1;
constexpr u16 interrupt_identification_or_fifo_control = 2;
constexpr u16 line_control = 3;
constexpr u16 modem_control = 4;
constexpr u16 line_status = 5;
constexpr u16 modem_status = 6;

namespace InterruptEnable {
using ReceivedData = Bits<0>;
using TransmitEmpty = Bits<1>;
using LineStatus = Bits<2>;
} // namespace InterruptEnable
namespace FifoControl {
using Enable = Bits<0>;
using ClearReceive = Bits<1>;
} // namespace FifoControl
namespace LineControl {
using DivisorLatch = Bits<7>;
}
namespace ModemControl {
using Loop = Bits<4>;
}
namespace LineStatus {
using DataReady = Bits<0>;
using Overrun = Bits<1>;
using HoldingEmpty = Bits<5>;
using TransmitterEmpty = Bits<6>;
} // namespace LineStatus

constexpr u8 identify_none = 1;
constexpr u8 identify_transmit_empty = 2;
constexpr u8 identify_received = 4;
constexpr u8 identify_line_status = 6;
constexpr u8 identify_fifo = 0xc0;
constexpr u8 modem_connected = 0xb0; // carrier, data set ready, clear to send

} // namespace

u8 Uart::read(u16 offset) {
    bool const latch = LineControl::DivisorLatch::get(line_control_) != 0;
    switch (offset) {
    case data: {
        if (latch) return static_cast<u8>(divisor_);
        if (receive_count_ == 0) return 0;
        u8 const byte = receive_[receive_first_];
        receive_first_ = (receive_first_ + 1) % fifo_size;
        --receive_count_;
        return byte;
    }
    case interrupt_enable: return latch ? static_cast<u8>(divisor_ >> 8) : interrupt_enable_;
    case interrupt_identification_or_fifo_control: return interrupt_identification();
    case line_control: return line_control_;
    case modem_control: return modem_control_;
    case line_status: {
        if (blocked()) {
            console_.wait();
            pump();
        }
        u64 status =
            LineStatus::DataReady::make(receive_count_ != 0) | LineStatus::Overrun::make(overrun_);
        if (!blocked())
            status |= LineStatus::HoldingEmpty::mask | LineStatus::TransmitterEmpty::mask;
        overrun_ = false;
        return static_cast<u8>(status);
    }
    case modem_status: {
        if (ModemControl::Loop::get(modem_control_) == 0) return modem_connected;
        // Looped back: RTS, DTR, OUT1, OUT2 appear as CTS, DSR, RI, DCD.
        u8 const out = modem_control_;
        return static_cast<u8>((out & 2) << 3 | (out & 1) << 5 | (out & 4) << 4 | (out & 8) << 4);
    }
    default: return scratch_;
    }
}

void Uart::write(u16 offset, u8 value) {
    bool const latch = LineControl::DivisorLatch::get(line_control_) != 0;
    switch (offset) {
    case data:
        if (latch)
            divisor_ = static_cast<u16>((divisor_ & 0xff00) | value);
        else
            transmit(value);
        return;
    case interrupt_enable:
        if (latch) {
            divisor_ = static_cast<u16>((divisor_ & 0xff) | value << 8);
            return;
        }
        // Switching the interrupt on while the transmitter is empty raises it at once; drivers rely
        // on that.
        if (InterruptEnable::TransmitEmpty::get(value & ~u64{interrupt_enable_}) && !blocked())
            transmit_empty_pending_ = true;
        interrupt_enable_ = value & 0xf;
        return;
    case interrupt_identification_or_fifo_control: control_fifo(value); return;
    case line_control: line_control_ = value; return;
    case modem_control: modem_control_ = value & 0x1f; return;
    case line_status:
    case modem_status: return;
    default: scratch_ = value; return;
    }
}

void Uart::transmit(u8 byte) {
    transmit_empty_pending_ = false;
    if (ModemControl::Loop::get(modem_control_)) {
        overrun_ = !receive(static_cast<char>(byte));
        transmit_empty_pending_ = true;
        return;
    }
    // Drivers give up polling after a while and write all the same; a real chip would lose a byte
    // here.
    while (transmit_count_ == fifo_size) {
        console_.wait();
        pump();
    }
    transmit_[transmit_count_++] = byte;
    pump();
}

void Uart::pump() {
    if (transmit_count_ == 0 || !console_.room()) return;
    for (unsigned i = 0; i < transmit_count_; ++i) console_.put(static_cast<char>(transmit_[i]));
    transmit_count_ = 0;
    transmit_empty_pending_ = true;
}

bool Uart::receive(char byte) {
    if (receive_count_ == (fifo_enabled_ ? fifo_size : 1)) return false;
    receive_[(receive_first_ + receive_count_) % fifo_size] = static_cast<u8>(byte);
    ++receive_count_;
    return true;
}

void Uart::control_fifo(u8 value) {
    bool const enable = FifoControl::Enable::get(value) != 0;
    if (FifoControl::ClearReceive::get(value) || enable != fifo_enabled_) receive_count_ = 0;
    // ClearTransmit finds nothing: what the guest wrote counts as sent, and drivers clear while
    // bytes still wait for us.
    fifo_enabled_ = enable;
}

u8 Uart::interrupt_identification() {
    u8 const fifo = fifo_enabled_ ? identify_fifo : 0;
    if (InterruptEnable::LineStatus::get(interrupt_enable_) && overrun_)
        return fifo | identify_line_status;
    if (InterruptEnable::ReceivedData::get(interrupt_enable_) && receive_count_ != 0)
        return fifo | identify_received;
    if (InterruptEnable::TransmitEmpty::get(interrupt_enable_) && transmit_empty_pending_) {
        transmit_empty_pending_ = false; // reading it is the acknowledgement
        return fifo | identify_transmit_empty;
    }
    return fifo | identify_none;
}

bool Uart::interrupt() const {
    return (InterruptEnable::LineStatus::get(interrupt_enable_) && overrun_) ||
           (InterruptEnable::ReceivedData::get(interrupt_enable_) && receive_count_ != 0) ||
           (InterruptEnable::TransmitEmpty::get(interrupt_enable_) && transmit_empty_pending_);
}

void Uart::reset() {
    interrupt_enable_ = line_control_ = modem_control_ = scratch_ = 0;
    divisor_ = 1;
    fifo_enabled_ = transmit_empty_pending_ = overrun_ = false;
    receive_first_ = receive_count_ = transmit_count_ = 0;
}

} // namespace vmm

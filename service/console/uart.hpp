// SPDX-License-Identifier: Apache-2.0
// The 16550 serial port, interrupt-driven both ways (PC16550D data sheet, section 8).
#pragma once

#include "base/register.hpp"

namespace uart {

struct ReceiveData : Register<u8, 0> {};
struct TransmitData : Register<u8, 0> {};
struct DivisorLow : Register<u8, 0> {}; // while LineControl::DivisorAccess is set
struct DivisorHigh : Register<u8, 1> {};
struct InterruptEnable : Register<u8, 1> {
    using Received = Bits<0>;
    using TransmitterEmpty = Bits<1>;
    using LineStatus = Bits<2>;
};
struct InterruptIdentification : Register<u8, 2> {
    using NonePending = Bits<0>;
};
struct FifoControl : Register<u8, 2> {
    using Enable = Bits<0>;
};
struct LineControl : Register<u8, 3> {
    using WordLength = Bits<1, 0>; // 3: eight bits
    using DivisorAccess = Bits<7>;
};
struct ModemControl : Register<u8, 4> {
    using DataTerminalReady = Bits<0>;
    using RequestToSend = Bits<1>;
    using Out2 = Bits<3>; // on a PC: lets the interrupt out
};
struct LineStatus : Register<u8, 5> {
    using DataReady = Bits<0>;
    using Overrun = Bits<1>;
    using TransmitterEmpty = Bits<5>;
};
struct ModemStatus : Register<u8, 6> {};

inline constexpr unsigned fifo_size = 16;

} // namespace uart

template <class Bus>
requires RegisterBus<Bus, uart::LineStatus>
class Uart {
public:
    explicit Uart(Bus& bus) : bus_(bus) {}

    // 115200 baud, 8 data bits, no parity, FIFOs on, interrupt for each byte received. What is in
    // the FIFOs stays: a driver that was started again finds there what came meanwhile.
    void start() {
        using namespace uart;
        bus_.write(InterruptEnable{}, 0);
        bus_.write(LineControl{}, byte(LineControl::DivisorAccess::mask));
        bus_.write(DivisorLow{}, 1);
        bus_.write(DivisorHigh{}, 0);
        bus_.write(LineControl{}, byte(LineControl::WordLength::make(3)));
        bus_.write(FifoControl{}, byte(FifoControl::Enable::mask));
        bus_.write(ModemControl{},
                   byte(ModemControl::DataTerminalReady::mask | ModemControl::RequestToSend::mask |
                        ModemControl::Out2::mask));
        enable(false);
    }

    // Deals with everything the port wants; to be called until it returns false: only then can an
    // edge-triggered line rise again. received(c): a byte came. overrun(): the port itself lost
    // input.
    template <class Received, class Overrun> bool serve(Received received, Overrun overrun) {
        using namespace uart;
        u8 const pending = bus_.read(InterruptIdentification{});
        u8 status = bus_.read(LineStatus{});
        if (LineStatus::Overrun::get(status)) overrun();
        for (unsigned i = 0; i < 4 * fifo_size && LineStatus::DataReady::get(status); ++i) {
            received(static_cast<char>(bus_.read(ReceiveData{})));
            status = bus_.read(LineStatus{});
        }
        return InterruptIdentification::NonePending::get(pending) == 0;
    }

    // Hands bytes to the port if it has room. next(): the next byte as std::optional<char>. While
    // there are bytes, the port interrupts when it wants more.
    template <class Next> void transmit(Next next) {
        using namespace uart;
        if (!LineStatus::TransmitterEmpty::get(bus_.read(LineStatus{}))) return;
        unsigned sent = 0;
        while (sent < fifo_size) {
            auto const c = next();
            if (!c) break;
            bus_.write(TransmitData{}, static_cast<u8>(*c));
            ++sent;
        }
        if (bool const more = sent != 0; more != sending_) enable(more);
    }

private:
    static constexpr u8 byte(u64 value) { return static_cast<u8>(value); }
    void enable(bool sending) {
        using namespace uart;
        sending_ = sending;
        bus_.write(InterruptEnable{},
                   byte(InterruptEnable::Received::mask | InterruptEnable::LineStatus::mask |
                        InterruptEnable::TransmitterEmpty::make(sending)));
    }

    Bus& bus_;
    bool sending_{};
};

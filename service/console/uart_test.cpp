// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/console/uart.hpp"

#include <deque>
#include <optional>
#include <string>

namespace {

// A 16550 as its data sheet says, as far as the driver uses it.
struct FakeUart {
    std::deque<char> received;
    std::string sent;
    unsigned in_fifo = 0; // bytes not sent yet
    bool overrun = false, divisor_access = false, thre_pending = false;
    u8 enabled = 0, divisor = 0, modem = 0, fifo = 0, line = 0;

    template <class Reg> typename Reg::Value read(Reg) {
        if constexpr (std::is_same_v<Reg, uart::ReceiveData>) {
            char const c = received.front();
            received.pop_front();
            return static_cast<u8>(c);
        } else if constexpr (std::is_same_v<Reg, uart::InterruptIdentification>) {
            if ((enabled & 4) != 0 && overrun) return 6;
            if ((enabled & 1) != 0 && !received.empty()) return 4;
            if ((enabled & 2) != 0 && std::exchange(thre_pending, false))
                return 2; // reading clears it
            return 1;
        } else if constexpr (std::is_same_v<Reg, uart::LineStatus>) {
            unsigned const status = (received.empty() ? 0u : 1u) |
                                    (std::exchange(overrun, false) ? 2u : 0u) |
                                    (in_fifo == 0 ? 0x20u : 0u);
            return static_cast<u8>(status);
        } else {
            return 0;
        }
    }
    template <class Reg> void write(Reg, typename Reg::Value value) {
        if constexpr (std::is_same_v<Reg, uart::InterruptEnable>) enabled = value;
        if constexpr (std::is_same_v<Reg, uart::ModemControl>) modem = value;
        if constexpr (std::is_same_v<Reg, uart::FifoControl>) fifo = value;
        if constexpr (std::is_same_v<Reg, uart::LineControl>) {
            divisor_access = value & 0x80;
            line = value;
        }
        if constexpr (std::is_same_v<Reg, uart::DivisorLow> ||
                      std::is_same_v<Reg, uart::TransmitData>)
            put(value);
    }
    void put(u8 value) {
        if (divisor_access) {
            divisor = value;
            return;
        }
        ASSERT_LT(in_fifo, uart::fifo_size);
        sent += static_cast<char>(value);
        ++in_fifo;
    }
    void drain() {
        in_fifo = 0;
        thre_pending = true;
    }
};

struct World {
    FakeUart fake;
    Uart<FakeUart> port{fake};
    std::string input, output;
    int overruns = 0;
    std::size_t taken = 0;

    World() { port.start(); }
    bool serve() {
        return port.serve([&](char c) { input += c; }, [&] { ++overruns; });
    }
    void transmit() {
        port.transmit(
            [&] { return taken < output.size() ? std::optional(output[taken++]) : std::nullopt; });
    }
};

} // namespace

TEST(Uart, StartsWithEightBitsFifosAndTheReceiveInterrupt) {
    World world;
    EXPECT_EQ(world.fake.line, 3);
    EXPECT_EQ(world.fake.divisor, 1);
    EXPECT_EQ(world.fake.fifo, 1) << "and empties no FIFO";
    EXPECT_EQ(world.fake.modem, 0xb);
    EXPECT_EQ(world.fake.enabled, 5);
}

TEST(Uart, SendsAFifoAtATimeAndAsksForInterruptsOnlyMeanwhile) {
    World world;
    world.output = "0123456789abcdefXYZ";
    world.transmit();
    EXPECT_EQ(world.fake.sent, "0123456789abcdef");
    EXPECT_EQ(world.fake.enabled, 7);
    world.transmit(); // still full: nothing is lost
    world.fake.drain();
    EXPECT_TRUE(world.serve());
    world.transmit();
    EXPECT_EQ(world.fake.sent, world.output);
    EXPECT_EQ(world.fake.enabled, 7);
    world.fake.drain();
    world.transmit();
    EXPECT_EQ(world.fake.enabled, 5);
}

TEST(Uart, ReceivesUntilNothingIsPending) {
    World world;
    world.fake.received = {'a', 'b', 'c'};
    EXPECT_TRUE(world.serve());
    EXPECT_FALSE(world.serve());
    EXPECT_EQ(world.input, "abc");
}

TEST(Uart, ReportsWhatThePortItselfLost) {
    World world;
    world.fake.overrun = true;
    EXPECT_TRUE(world.serve());
    EXPECT_FALSE(world.serve());
    EXPECT_EQ(world.overruns, 1);
}

// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/uart.hpp"

#include "base/gtest.hpp"
#include <string>

namespace vmm {
namespace {

struct FakeConsole : ConsolePort {
    bool room() override { return text.size() + Uart::fifo_size <= capacity; }
    void put(char byte) override { text += byte; }
    void wait() override {
        ++waits;
        capacity += Uart::fifo_size;
    }
    std::string text;
    std::size_t capacity = 1000;
    int waits = 0;
};

constexpr u8 data_ready = 0x01;
constexpr u8 transmitter_empty = 0x60;

TEST(Uart, SendsWhatIsWrittenAndIsReadyAgainAtOnce) {
    FakeConsole console;
    Uart uart(console);
    for (char c : std::string("hello")) uart.write(0, static_cast<u8>(c));
    EXPECT_EQ(console.text, "hello");
    EXPECT_EQ(uart.read(5) & transmitter_empty, transmitter_empty);
}

TEST(Uart, TransmitInterruptIsRaisedWhenEnabledAndClearedByReadingItsIdentification) {
    FakeConsole console;
    Uart uart(console);
    EXPECT_FALSE(uart.interrupt());
    uart.write(1, 2);
    EXPECT_TRUE(uart.interrupt());
    EXPECT_EQ(uart.read(2) & 0xf, 2);
    EXPECT_FALSE(uart.interrupt());
    EXPECT_EQ(uart.read(2) & 0xf, 1);
    uart.write(0, 'x');
    EXPECT_TRUE(uart.interrupt());
}

TEST(Uart, ReceivedBytesRaiseTheInterruptUntilAllAreRead) {
    FakeConsole console;
    Uart uart(console);
    uart.write(2, 1);
    uart.write(1, 1);
    EXPECT_TRUE(uart.receive('a'));
    EXPECT_TRUE(uart.receive('b'));
    EXPECT_EQ(uart.read(2) & 0xf, 4);
    EXPECT_EQ(uart.read(5) & data_ready, data_ready);
    EXPECT_EQ(uart.read(0), 'a');
    EXPECT_TRUE(uart.interrupt());
    EXPECT_EQ(uart.read(0), 'b');
    EXPECT_FALSE(uart.interrupt());
    EXPECT_EQ(uart.read(5) & data_ready, 0);
}

TEST(Uart, RefusesBytesWhenTheReceiverIsFullSoThatTheyWait) {
    FakeConsole console;
    Uart uart(console);
    uart.write(2, 1);
    for (unsigned i = 0; i < Uart::fifo_size; ++i) EXPECT_TRUE(uart.receive('k'));
    EXPECT_FALSE(uart.receive('k'));
    uart.read(0);
    EXPECT_TRUE(uart.receive('k'));
}

TEST(Uart, AFullConsoleShowsABusyTransmitterAndNothingIsLost) {
    FakeConsole console;
    console.capacity = 0;
    Uart uart(console);
    std::string const text = "a line that is longer than the transmitter's sixteen bytes";
    for (char c : text) uart.write(0, static_cast<u8>(c));
    EXPECT_TRUE(uart.blocked());
    EXPECT_GT(console.waits, 0);
    console.capacity = 1000;
    uart.pump();
    EXPECT_FALSE(uart.blocked());
    EXPECT_EQ(console.text, text);
}

TEST(Uart, PollingABusyTransmitterSleeps) {
    FakeConsole console;
    console.capacity = 0;
    Uart uart(console);
    uart.write(0, 'x');
    EXPECT_TRUE(uart.blocked());
    EXPECT_EQ(uart.read(5) & transmitter_empty, transmitter_empty);
    EXPECT_EQ(console.waits, 1);
    EXPECT_EQ(console.text, "x");
}

TEST(Uart, DivisorLatchHidesDataAndInterruptEnable) {
    FakeConsole console;
    Uart uart(console);
    uart.write(3, 0x80);
    uart.write(0, 0x34);
    uart.write(1, 0x12);
    EXPECT_EQ(uart.read(0), 0x34);
    EXPECT_EQ(uart.read(1), 0x12);
    uart.write(3, 0x03);
    EXPECT_EQ(uart.read(1), 0);
    EXPECT_EQ(console.text, "");
}

TEST(Uart, LooksLikeA16550AToAProbingDriver) {
    FakeConsole console;
    Uart uart(console);
    uart.write(7, 0xa5);
    EXPECT_EQ(uart.read(7), 0xa5); // scratch register
    uart.write(4, 0x1a);           // loop, RTS, OUT2
    EXPECT_EQ(uart.read(6) & 0xf0, 0x90);
    uart.write(4, 0x08);
    uart.write(2, 1);
    EXPECT_EQ(uart.read(2) & 0xc0, 0xc0); // FIFOs on
}

TEST(Uart, LoopedBytesComeBack) {
    FakeConsole console;
    Uart uart(console);
    uart.write(4, 0x10);
    uart.write(0, 'l');
    EXPECT_EQ(uart.read(0), 'l');
    EXPECT_EQ(console.text, "");
}

} // namespace
} // namespace vmm

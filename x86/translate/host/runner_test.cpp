// SPDX-License-Identifier: Apache-2.0
// What each way to run a guest must do alike.
#include "x86/translate/host/translated.hpp"

#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/time.h>

#include "x86/emulate/arithmetic.hpp"

namespace x86::translate::hosted {
namespace {

constexpr u32 code_at = 0x00401000, data_at = 0x00403000;

template <class Kind> class HostedRunner : public testing::Test {
protected:
    HostedRunner() {
        memory.map(code_at, page_bytes, rights::read | rights::write | rights::execute, true);
        memory.map(data_at, page_bytes, rights::read | rights::write, true);
    }
    Stop run(std::vector<u8> const& code) {
        memory.poke(code_at, code);
        runner.state().eip = code_at;
        return runner.run();
    }
    Memory memory;
    Kind runner{memory};
};
using Kinds = testing::Types<EmulatorRunner, TranslatorRunner>;
TYPED_TEST_SUITE(HostedRunner, Kinds);

TYPED_TEST(HostedRunner, ASystemCallComesBackWithEipBehindIt) {
    auto const stop = this->run({0xb8, 7, 0, 0, 0, 0xcd, 0x80}); // mov eax, 7; int 80h
    EXPECT_EQ(stop.why, Stop::Why::system_call);
    EXPECT_EQ(this->runner.state().general[0], 7U);
    EXPECT_EQ(this->runner.state().eip, code_at + 7);
}

TYPED_TEST(HostedRunner, AFaultLeavesRegistersAsTheyWere) {
    this->runner.state().general[3] = 0x1234;
    auto const stop = this->run({0x40, 0x8b, 0x0d, 0x10, 0x50, 0x40, 0x00}); // inc eax; mov ecx, [405010h]
    EXPECT_EQ(stop.why, Stop::Why::exception);
    EXPECT_EQ(stop.exception.vector, vector::page_fault);
    EXPECT_EQ(stop.exception.address, 0x405010U);
    EXPECT_EQ(stop.exception.error_code, 4U);
    EXPECT_EQ(this->runner.state().eip, code_at + 1);
    EXPECT_EQ(this->runner.state().general[0], 1U);
    EXPECT_EQ(this->runner.state().general[3], 0x1234U);
}

TYPED_TEST(HostedRunner, ABreakpointIsATrap) {
    auto const stop = this->run({0x90, 0xcc});
    EXPECT_EQ(stop.why, Stop::Why::exception);
    EXPECT_EQ(stop.exception.vector, vector::breakpoint);
    EXPECT_EQ(this->runner.state().eip, code_at + 2);
}

TYPED_TEST(HostedRunner, DataIsNoCode) {
    auto const stop = this->run({0xe9, 0xfb, 0x1f, 0, 0}); // jmp 403000h
    EXPECT_EQ(stop.why, Stop::Why::exception);
    EXPECT_EQ(stop.exception.error_code, 0x15U);
    EXPECT_EQ(stop.exception.address, data_at);
    EXPECT_EQ(this->runner.state().eip, data_at);
}

TYPED_TEST(HostedRunner, CodeThatChangesItselfRunsAsChanged) {
    // mov byte [401008h], 2; mov eax, 1 (becomes 2); int 80h
    auto const stop = this->run({0xc6, 0x05, 0x08, 0x10, 0x40, 0, 2, 0xb8, 1, 0, 0, 0, 0xcd, 0x80});
    EXPECT_EQ(stop.why, Stop::Why::system_call);
    EXPECT_EQ(this->runner.state().general[0], 2U);
}

// Indirect jumps are looked up by the low bits of their target, so this one arrives at another block first, which does not care for flags.
TYPED_TEST(HostedRunner, FlagsSurviveAnArrivalAtTheWrongBlock) {
    constexpr u32 here = code_at + 0x100, there = here + 0x10000;
    this->memory.map(there - 0x100, page_bytes, rights::read | rights::write | rights::execute, true);
    this->memory.poke(here, std::vector<u8>{0x31, 0xc0, 0xcd, 0x80});        // xor eax, eax; int 80h
    this->memory.poke(there, std::vector<u8>{0x0f, 0x92, 0xc1, 0xcd, 0x80}); // setc cl; int 80h
    this->runner.state().eip = here;
    EXPECT_EQ(this->runner.run().why, Stop::Why::system_call);
    for (bool const carry : {true, false}) {
        this->runner.state().general[2] = there;
        auto const stop = this->run({carry ? u8{0xf9} : u8{0xf8}, 0xff, 0xe2}); // stc or clc; jmp edx
        EXPECT_EQ(stop.why, Stop::Why::system_call);
        EXPECT_EQ(this->runner.state().eip, there + 5);
        EXPECT_EQ(this->runner.state().general[1] & 0xff, carry ? 1U : 0U);
    }
}

TYPED_TEST(HostedRunner, ALoopIsLeftWhenAnEventComes) {
    this->runner.interrupt();
    auto const stop = this->run({0xeb, 0xfe}); // jmp to itself
    EXPECT_EQ(stop.why, Stop::Why::event);
    EXPECT_EQ(this->runner.state().eip, code_at);
}

Runner* interrupted;
void on_alarm(int) { interrupted->interrupt(); }

// Interrupts come within a bounded time, however the loop is made.
TYPED_TEST(HostedRunner, ATimerLeavesEveryLoop) {
    std::vector<u8> const loops[] = {
        {0xeb, 0xfe},                                     // jmp to itself
        {0x40, 0xe9, 0, 0, 0, 0, 0x4b, 0xeb, 0xf7},       // inc eax; jmp on; dec ebx; jmp back
        {0xe8, 2, 0, 0, 0, 0xeb, 0xf9, 0x41, 0xc3},       // call f; jmp back; f: inc ecx; ret
        {0xb8, 0x00, 0x10, 0x40, 0x00, 0xff, 0xe0},       // mov eax, 401000h; jmp eax
        {0x68, 0x00, 0x10, 0x40, 0x00, 0xc3},             // push 401000h; ret
        {0x31, 0xc9, 0x49, 0xe2, 0xfe, 0x85, 0xc9, 0x74, 0xf7}, // xor ecx, ecx; dec ecx; loop to itself; test; jz back
    };
    interrupted = &this->runner;
    struct sigaction action {}, before {};
    action.sa_handler = on_alarm;
    action.sa_flags = SA_ONSTACK | SA_RESTART; // the guest's stack pointer is no stack
    sigaction(SIGALRM, &action, &before);
    for (auto const& code : loops) {
        this->runner.state().general[4] = data_at + page_bytes - 16;
        itimerval const soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 2000}};
        setitimer(ITIMER_REAL, &soon, nullptr);
        EXPECT_EQ(this->run(code).why, Stop::Why::event);
    }
    sigaction(SIGALRM, &before, nullptr);
}

} // namespace
} // namespace x86::translate::hosted

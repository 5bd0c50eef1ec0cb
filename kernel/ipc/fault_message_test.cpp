// SPDX-License-Identifier: Apache-2.0
// Faults as messages and their answers: ABI 9.
#include "kernel/ipc/fault_message.hpp"

#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct FaultTest : testing::Test {
    TestKernel kernel;
    CPtr const endpoint = kernel.endpoint();
    CPtr const handler_cap = kernel.mint(endpoint, 99);
    Thread& thread = kernel.thread();
    Thread& handler = kernel.thread();
    abi::UserContext& registers = thread.tcb().registers();

    void SetUp() override { thread.tcb().fault_handler = handler_cap; }
    Received handled() {
        EXPECT_TRUE(handler.receive(endpoint));
        EXPECT_EQ(thread.state(), ThreadState::blocked_on_reply);
        return handler.received();
    }
    void fault(Event const& event) {
        kernel.run(thread.tcb());
        kernel.fault(event);
    }
};

constexpr u64 start = 0x400000;

} // namespace

TEST_F(FaultTest, APageFaultIsAMessage) {
    fault(PageFaultEvent{{0xdead000}, 0x16});
    EXPECT_EQ(thread.state(), ThreadState::blocked_on_send);
    EXPECT_EQ(handled(), (Received{99, 5, {start, 0xdead000, 1, 0x16}, 0, 0}));
    EXPECT_TRUE(handler.reply({77, {1, 2, 3}, {}})); // any answer: try again
    EXPECT_EQ(thread.state(), ThreadState::restart);
    kernel.run(thread.tcb());
    EXPECT_EQ(thread.tcb().context.next_ip, start);
    EXPECT_FALSE(thread.tcb().fault);
}

TEST_F(FaultTest, AnExceptionIsAMessageAndItsAnswerSetsRegisters) {
    registers.rsp = 0x8000;
    fault(ExceptionEvent{13, 0xf0000123});
    EXPECT_EQ(handled(), (Received{99, 3, {start, 0x8000, 0x202, 13, 0x123}, 0, 0}));
    EXPECT_TRUE(handler.reply({0, {start + 2, 0x9000, ~u64{0}, 4}, {}}));
    EXPECT_EQ(thread.state(), ThreadState::restart);
    EXPECT_EQ(registers.rip, start + 2);
    EXPECT_EQ(registers.rsp, 0x9000u);
    EXPECT_EQ(registers.rflags, sane_rflags(~u64{0}));
}

TEST_F(FaultTest, AnAnswerWithALabelStopsTheThread) {
    fault(ExceptionEvent{0, 0});
    handled();
    EXPECT_TRUE(handler.reply({1, {start + 4}, {}}));
    EXPECT_EQ(thread.state(), ThreadState::inactive);
    EXPECT_EQ(registers.rip, start + 4);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
    EXPECT_EQ(thread.state(), ThreadState::restart);
}

TEST_F(FaultTest, AnUnknownSystemCallIsNineteenWords) {
    registers.rax = 1;
    registers.rbx = 2;
    registers.rbp = 7;
    registers.rsp = 17;
    EXPECT_FALSE(thread.syscall(i64{-100}, 6, {}));
    Received const message = handled();
    EXPECT_EQ(message.label, 2u);
    ASSERT_EQ(message.words.size(), 19u);
    EXPECT_EQ(message.words[0], 1u);
    EXPECT_EQ(message.words[1], 2u);
    EXPECT_EQ(message.words[3], static_cast<u64>(-100));
    EXPECT_EQ(message.words[5], 6u);
    EXPECT_EQ(message.words[6], 7u);
    EXPECT_EQ(message.words[15], start);
    EXPECT_EQ(message.words[16], 17u);
    EXPECT_EQ(message.words[17], 0x202u);
    EXPECT_EQ(message.words[18], static_cast<u64>(-100));
    Words answer(18);
    for (u64 i = 0; i < 18; ++i) answer[i] = 100 + i;
    answer[15] = 0x0000900000000000; // not canonical
    EXPECT_TRUE(handler.reply({0, answer, {}}));
    EXPECT_EQ(registers.rax, 100u);
    EXPECT_EQ(registers.r15, 114u);
    EXPECT_EQ(registers.rip, 0u);
    EXPECT_EQ(registers.rsp, 116u);
    EXPECT_EQ(registers.rflags, sane_rflags(117));
}

TEST_F(FaultTest, ASoftwareInterruptIsAnUnknownSystemCall) {
    registers.rax = 0x123456789;
    kernel.run(thread.tcb());
    thread.tcb().context.next_ip = start + 2;
    kernel.handle(SoftwareInterruptEvent{0xa0});
    Received const message = handled();
    EXPECT_EQ(message.words[15], start);
    EXPECT_EQ(message.words[18], 0xffffffffa0456789);
}

TEST_F(FaultTest, ACapabilityFaultSaysWhy) {
    u64 const bad = u64{1} << 63;
    unsigned const guard = kernel.root_guard();
    EXPECT_FALSE(thread.start_call(bad));
    EXPECT_EQ(handled(), (Received{99, 1, {start, bad, 0, 4, 64, 0, guard}, 0, 0}));
    EXPECT_TRUE(handler.reply());
    EXPECT_EQ(registers.rip, start);
    EXPECT_FALSE(thread.receive(bad + 1));
    EXPECT_EQ(handled().words, (Words{start, bad + 1, 1, 4, 64, 0, guard}));
    EXPECT_TRUE(handler.reply());
    EXPECT_FALSE(thread.receive(abi::initial_slot::domain)); // nothing to receive on
    EXPECT_EQ(handled().words, (Words{start, abi::initial_slot::domain, 1, 2, 0}));
    EXPECT_TRUE(handler.reply());
    EXPECT_FALSE(thread.nb_receive(abi::initial_slot::domain));
    handled();
    EXPECT_TRUE(handler.reply());
    EXPECT_TRUE(thread.nb_send(bad)); // never a fault
}

TEST_F(FaultTest, AHandlerWithoutBufferGetsFourWords) {
    EXPECT_EQ(kernel.invoke(handler.cptr(), Label::tcb_set_ipc_buffer, {0}, {handler_cap}), success);
    fault(ExceptionEvent{6, 0});
    EXPECT_EQ(handled().words.size(), 4u);
}

TEST_F(FaultTest, WithoutAValidHandlerTheThreadStopsAndTheConsoleSaysWhy) {
    kernel.machine.console.clear();
    for (CPtr const bad : {CPtr{0}, abi::initial_slot::domain, kernel.copy(endpoint, abi::right::write), kernel.copy(endpoint, 14)}) {
        thread.tcb().fault_handler = bad;
        fault(PageFaultEvent{{0x1234}, 6});
        EXPECT_EQ(thread.state(), ThreadState::inactive);
        EXPECT_FALSE(thread.tcb().fault);
        EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
    }
    EXPECT_NE(kernel.machine.console.find("thread 'thread' has no fault handler and stops: write to 0x1234 at rip 0x400000\n"),
              std::string::npos);
    thread.tcb().fault_handler = 0;
    auto const last_line = [&] {
        std::string const& console = kernel.machine.console;
        EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
        return console.substr(console.rfind(": ") + 2);
    };
    fault(PageFaultEvent{{0x10}, 0x14});
    EXPECT_EQ(last_line(), "execute of 0x10 at rip 0x400000\n");
    fault(ExceptionEvent{13, 2});
    EXPECT_EQ(last_line(), "exception 13, code 0x2 at rip 0x400000\n");
    thread.start_call(u64{1} << 63);
    EXPECT_EQ(last_line(), "no capability at 0x8000000000000000 at rip 0x400000\n");
    thread.receive(0);
    EXPECT_EQ(last_line(), "no capability to receive on at 0x0 at rip 0x400000\n");
    thread.syscall(i64{5}, 0);
    EXPECT_EQ(last_line(), "unknown system call 0x5 at rip 0x400000\n");
}

TEST_F(FaultTest, SuspendingAFaultedThreadForgetsTheFault) {
    fault(ExceptionEvent{6, 0});
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_suspend), success);
    EXPECT_FALSE(thread.tcb().fault);
    EXPECT_FALSE(handler.receive(endpoint));
}

TEST(FaultValues, AreMadeFit) { // ABI 7.1.2
    EXPECT_EQ(sane_address(0x00007fffffffffff), 0x00007fffffffffffu);
    EXPECT_EQ(sane_address(0x0000800000000000), 0u);
    EXPECT_EQ(sane_address(0xffff7fffffffffff), 0u);
    EXPECT_EQ(sane_address(0xffff800000000000), 0xffff800000000000u);
    EXPECT_EQ(sane_rflags(0), 0x202u);
    EXPECT_EQ(sane_rflags(~u64{0}), 0xed7u);
}

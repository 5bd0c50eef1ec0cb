// SPDX-License-Identifier: Apache-2.0
// Who runs next: ABI 8.9, 8.10.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct SchedulerTest : testing::Test {
    TestKernel kernel;
    CPtr const notification = kernel.notification();
    CPtr const endpoint = kernel.endpoint();
    // The root thread has done its part; what follows is between the others.
    void leave_root() { kernel.root().start_call(abi::initial_slot::tcb, {static_cast<u64>(Label::tcb_suspend), {}, {}}); }
    bool runs(Thread& thread) { return &kernel.current() == &thread.tcb(); }
};

} // namespace

TEST_F(SchedulerTest, TheHighestPriorityRunsFirstAndEqualsInOrder) {
    Thread& low = kernel.thread(10);
    Thread& first = kernel.thread(20);
    Thread& second = kernel.thread(20);
    leave_root();
    EXPECT_TRUE(runs(first));
    first.receive(endpoint);
    EXPECT_TRUE(runs(second));
    second.receive(endpoint);
    EXPECT_TRUE(runs(low));
    low.receive(endpoint);
    EXPECT_EQ(kernel.current().state, ThreadState::idle);
}

TEST_F(SchedulerTest, IdleEndsWithAnInterruptThatWakesSomebody) {
    Thread& thread = kernel.thread();
    auto const handler = kernel.next_slot();
    EXPECT_EQ(kernel.invoke(abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_msi, {handler, 64, 0, 0, 0, 0, 5}, {2}), success);
    EXPECT_EQ(kernel.invoke(handler, Label::irq_set_irq_handler, {}, {notification}), success);
    leave_root();
    thread.receive(notification);
    ASSERT_EQ(kernel.current().state, ThreadState::idle);
    kernel.tick();
    EXPECT_EQ(kernel.current().state, ThreadState::idle);
    kernel.interrupt(5);
    EXPECT_TRUE(runs(thread));
}

TEST_F(SchedulerTest, YieldGoesToTheTail) {
    Thread& one = kernel.thread(20);
    Thread& two = kernel.thread(20);
    leave_root();
    EXPECT_TRUE(one.yield());
    EXPECT_TRUE(runs(two));
    two.yield();
    EXPECT_TRUE(runs(one));
}

TEST_F(SchedulerTest, YieldWithoutAPeerGoesOn) {
    Thread& one = kernel.thread(20);
    kernel.thread(10);
    leave_root();
    one.yield();
    EXPECT_TRUE(runs(one));
}

TEST_F(SchedulerTest, ASliceIsFiveTicksAndSurvivesPreemption) {
    Thread& one = kernel.thread(20);
    Thread& two = kernel.thread(20);
    leave_root();
    for (unsigned i = 0; i < 4; ++i) {
        kernel.tick();
        EXPECT_TRUE(runs(one)) << i;
    }
    kernel.tick();
    EXPECT_TRUE(runs(two));
    EXPECT_EQ(one.tcb().time_slice, 5u);
    kernel.tick();
    two.yield();
    EXPECT_EQ(two.tcb().time_slice, 4u); // not refilled
}

TEST_F(SchedulerTest, TheTickStopsWithoutAPeerAndStartsWithOne) {
    Thread& one = kernel.thread(20);
    leave_root();
    kernel.tick();
    EXPECT_FALSE(kernel.cpu.tick_runs);
    kernel.run(one.tcb());
    auto const tcb = kernel.object(ObjectType::tcb);
    EXPECT_EQ(one.invoke(tcb, Label::tcb_set_priority, {20}, {one.cptr()}), success);
    EXPECT_EQ(one.invoke(tcb, Label::tcb_write_registers, {1, 1, 0x400000}), success);
    EXPECT_TRUE(kernel.cpu.tick_runs);
}

TEST_F(SchedulerTest, AWokenHigherPriorityRunsAtOnce) {
    Thread& low = kernel.thread(10);
    Thread& high = kernel.thread(20);
    Thread& peer = kernel.thread(10);
    leave_root();
    EXPECT_FALSE(high.receive(notification));
    kernel.run(low.tcb());
    EXPECT_TRUE(low.send(notification));
    EXPECT_TRUE(runs(high));
    high.receive(notification);
    EXPECT_TRUE(runs(low)); // it had gone to the head of its queue
    static_cast<void>(peer);
}

TEST_F(SchedulerTest, AWokenEqualGoesToTheTail) {
    Thread& one = kernel.thread(10);
    Thread& two = kernel.thread(10);
    Thread& three = kernel.thread(10);
    leave_root();
    EXPECT_FALSE(one.receive(notification));
    EXPECT_TRUE(runs(two));
    EXPECT_TRUE(two.send(notification));
    EXPECT_TRUE(runs(two));
    two.receive(endpoint);
    EXPECT_TRUE(runs(three));
    three.receive(endpoint);
    EXPECT_TRUE(runs(one));
}

TEST_F(SchedulerTest, AWokenLowerPriorityWaitsAtTheHead) {
    Thread& high = kernel.thread(20);
    Thread& low = kernel.thread(10);
    Thread& peer = kernel.thread(10);
    leave_root();
    EXPECT_FALSE(low.receive(notification));
    kernel.run(high.tcb());
    EXPECT_TRUE(high.send(notification));
    EXPECT_TRUE(runs(high));
    high.receive(endpoint);
    EXPECT_TRUE(runs(low));
    static_cast<void>(peer);
}

TEST_F(SchedulerTest, ACallHandsOverDirectlyToAnEqualServerAndBack) {
    Thread& server = kernel.thread(10);
    Thread& client = kernel.thread(10);
    Thread& peer = kernel.thread(10);
    leave_root();
    EXPECT_FALSE(server.receive(endpoint));
    kernel.run(client.tcb());
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(runs(server)); // although the peer has waited longer
    EXPECT_FALSE(server.reply_receive(endpoint));
    EXPECT_TRUE(runs(client));
    static_cast<void>(peer);
}

TEST_F(SchedulerTest, ACallToALowerServerLetsTheBestOneRun) {
    Thread& server = kernel.thread(5);
    Thread& client = kernel.thread(10);
    Thread& between = kernel.thread(7);
    leave_root();
    EXPECT_FALSE(server.receive(endpoint));
    kernel.run(client.tcb());
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(runs(between));
    between.receive(notification);
    EXPECT_TRUE(runs(server));
}

TEST_F(SchedulerTest, ACallToALowerServerGoesBeforeItsQueuedEquals) {
    Thread& server = kernel.thread(5);
    Thread& client = kernel.thread(10);
    kernel.thread(5);
    leave_root();
    EXPECT_FALSE(server.receive(endpoint));
    kernel.run(client.tcb());
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(runs(server));
}

TEST_F(SchedulerTest, PriorityChangesActAtOnce) {
    Thread& one = kernel.thread(10);
    Thread& two = kernel.thread(9);
    leave_root();
    EXPECT_TRUE(runs(one));
    EXPECT_EQ(one.invoke(two.cptr(), Label::tcb_set_priority, {11}, {one.cptr()}), success);
    EXPECT_TRUE(runs(two));
    EXPECT_EQ(two.invoke(two.cptr(), Label::tcb_set_priority, {8}, {one.cptr()}), success);
    EXPECT_TRUE(runs(one));
    EXPECT_EQ(one.invoke(two.cptr(), Label::tcb_suspend), success);
    EXPECT_EQ(one.invoke(two.cptr(), Label::tcb_set_priority, {200}, {one.cptr()}), success);
    EXPECT_TRUE(runs(one));
}

TEST_F(SchedulerTest, AResumedEqualRunsNextBeforeOthers) {
    Thread& one = kernel.thread(10);
    Thread& two = kernel.thread(10);
    Thread& three = kernel.thread(10);
    EXPECT_EQ(kernel.invoke(three.cptr(), Label::tcb_suspend), success);
    leave_root();
    EXPECT_EQ(one.invoke(three.cptr(), Label::tcb_resume), success);
    EXPECT_TRUE(runs(one));
    one.receive(endpoint);
    EXPECT_TRUE(runs(three));
    three.receive(endpoint);
    EXPECT_TRUE(runs(two));
}

TEST_F(SchedulerTest, ReplyAndReceiveWakeTwoAndTheBestRuns) {
    Thread& server = kernel.thread(10);
    Thread& client = kernel.thread(10);
    Thread& sender = kernel.thread(15);
    leave_root();
    EXPECT_FALSE(client.start_call(endpoint));
    kernel.run(server.tcb());
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_FALSE(sender.send(endpoint));
    kernel.run(server.tcb());
    EXPECT_TRUE(server.reply_receive(endpoint)); // wakes the client and the sender
    EXPECT_TRUE(runs(sender));
}

TEST_F(SchedulerTest, TheFpuFollowsTheThread) {
    Thread& one = kernel.thread(10);
    Thread& two = kernel.thread(10);
    leave_root();
    kernel.machine.fpu[64] = std::byte{1};
    one.yield();
    EXPECT_TRUE(runs(two));
    EXPECT_EQ(kernel.machine.fpu[64], std::byte{});
    kernel.machine.fpu[64] = std::byte{2};
    two.yield();
    EXPECT_EQ(kernel.machine.fpu[64], std::byte{1});
    EXPECT_EQ(two.tcb().context.fpu[64], std::byte{2});
}

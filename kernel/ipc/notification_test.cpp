// SPDX-License-Identifier: Apache-2.0
// ABI 8.8.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct NotificationTest : testing::Test {
    TestKernel kernel;
    CPtr const notification = kernel.notification();
    CPtr const one = kernel.mint(notification, 1);
    CPtr const six = kernel.mint(notification, 6);
    CPtr const endpoint = kernel.endpoint();
    Thread& thread = kernel.thread();
    Thread& other = kernel.thread();

    void bind() { EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_bind_notification, {}, {notification}), success); }
};

} // namespace

TEST_F(NotificationTest, SignalsAddUpUntilSomebodyLooks) {
    EXPECT_TRUE(other.send(one));
    EXPECT_EQ(other.call(six, {5, {1, 2}, {}}), success);
    thread.tcb().info_register() = 0;
    EXPECT_TRUE(thread.syscall(abi::Syscall::recv, notification, {4, {8}, {}}));
    EXPECT_EQ(thread.received(), (Received{7, 4, {8}, 0, 0})); // only the badge is written
    EXPECT_TRUE(thread.nb_receive(notification));
    EXPECT_EQ(thread.badge(), 0u);
}

TEST_F(NotificationTest, AWaiterIsWoken) {
    EXPECT_FALSE(thread.receive(notification));
    EXPECT_FALSE(other.receive(notification));
    EXPECT_TRUE(kernel.root().nb_send(six));
    EXPECT_EQ(thread.state(), ThreadState::running);
    EXPECT_EQ(thread.badge(), 6u);
    EXPECT_EQ(other.state(), ThreadState::blocked_on_notification);
}

TEST_F(NotificationTest, AnUnbadgedSignalWakesWithZero) {
    EXPECT_TRUE(other.send(notification));
    EXPECT_TRUE(thread.receive(notification));
    EXPECT_EQ(thread.badge(), 0u);
}

TEST_F(NotificationTest, RightsAreNeeded) {
    EXPECT_EQ(other.call(kernel.copy(notification, abi::right::read), {}), invalid_capability(0));
    EXPECT_FALSE(other.receive(kernel.copy(notification, abi::right::write))); // a fault
    EXPECT_EQ(other.state(), ThreadState::inactive);
}

TEST_F(NotificationTest, ABoundThreadGetsTheWordWhereverItReceives) {
    bind();
    EXPECT_FALSE(thread.receive(endpoint));
    EXPECT_TRUE(other.send(six));
    EXPECT_EQ(thread.badge(), 6u);
    EXPECT_EQ(kernel.at<Endpoint>(endpoint).state(), Endpoint::State::idle);
    EXPECT_TRUE(other.send(one)); // it does something else now
    EXPECT_EQ(kernel.at<Notification>(notification).state(), Notification::State::active);
    EXPECT_TRUE(thread.receive(endpoint));
    EXPECT_EQ(thread.badge(), 1u);
    EXPECT_FALSE(thread.receive(notification));
    EXPECT_TRUE(other.send(one));
    EXPECT_EQ(thread.badge(), 1u);
}

TEST_F(NotificationTest, ABoundThreadThatSendsIsNotDisturbed) {
    bind();
    EXPECT_FALSE(thread.send(endpoint));
    EXPECT_TRUE(other.send(six));
    EXPECT_EQ(thread.state(), ThreadState::blocked_on_send);
}

TEST_F(NotificationTest, NobodyElseWaitsOnABoundOne) {
    bind();
    EXPECT_FALSE(other.receive(notification));
    EXPECT_EQ(other.state(), ThreadState::inactive);
}

TEST_F(NotificationTest, DeletionRestartsWaitersAndUnbinds) {
    bind();
    auto const second = kernel.notification();
    EXPECT_FALSE(other.receive(second));
    kernel.remove(second);
    EXPECT_EQ(other.state(), ThreadState::restart);
    kernel.revoke(notification);
    kernel.remove(notification);
    EXPECT_EQ(thread.tcb().bound_notification, nullptr);
}

TEST_F(NotificationTest, ASuspendedWaiterLeavesTheQueue) {
    EXPECT_FALSE(thread.receive(notification));
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_suspend), success);
    EXPECT_EQ(kernel.at<Notification>(notification).state(), Notification::State::idle);
}

TEST_F(NotificationTest, DeletingTheBoundThreadUnbinds) {
    bind();
    kernel.remove(thread.cptr());
    EXPECT_EQ(kernel.at<Notification>(notification).bound(), nullptr);
}

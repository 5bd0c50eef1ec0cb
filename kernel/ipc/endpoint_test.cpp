// SPDX-License-Identifier: Apache-2.0
// Sending, receiving and answering: ABI 8.2, 8.3, 8.5 to 8.7.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct EndpointTest : testing::Test {
    TestKernel kernel;
    CPtr const endpoint = kernel.endpoint();
    CPtr const badged = kernel.mint(endpoint, 7);
    CPtr const free = kernel.next_slot();
    Thread& client = kernel.thread();
    Thread& server = kernel.thread();
};

} // namespace

TEST_F(EndpointTest, AWaitingReceiverGetsTheMessage) {
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_EQ(server.state(), ThreadState::blocked_on_receive);
    EXPECT_TRUE(client.send(badged, {5, {1, 2, 3, 4, 5, 6}, {}}));
    EXPECT_EQ(server.state(), ThreadState::running);
    EXPECT_EQ(server.received(), (Received{7, 5, {1, 2, 3, 4, 5, 6}, 0, 0}));
}

TEST_F(EndpointTest, ASendLeavesTheSendersRegistersAlone) {
    EXPECT_FALSE(server.receive(endpoint));
    client.send(badged, {5, {1, 2}, {}});
    EXPECT_EQ(client.badge(), badged);
    EXPECT_EQ(client.tcb().registers().rsi, abi::MessageInfo::make(5, 2).word);
    EXPECT_EQ(client.tcb().message_register(0), 1u);
}

TEST_F(EndpointTest, AShortMessageLeavesTheOtherRegistersAlone) {
    for (unsigned i = 0; i < 4; ++i) server.tcb().set_message_register(i, 90 + i);
    EXPECT_FALSE(server.receive(endpoint));
    client.send(badged, {0, {1}, {}});
    EXPECT_EQ(server.tcb().message_register(0), 1u);
    EXPECT_EQ(server.tcb().message_register(1), 91u);
}

TEST_F(EndpointTest, SendersAreServedInTheOrderTheyCame) {
    Thread& important = kernel.thread(200);
    EXPECT_FALSE(client.send(badged, {1, {}, {}}));
    EXPECT_FALSE(important.send(endpoint, {2, {}, {}}));
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_EQ(server.received().label, 1u);
    EXPECT_EQ(client.state(), ThreadState::running);
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_EQ(server.received().label, 2u);
    EXPECT_FALSE(server.receive(endpoint));
}

TEST_F(EndpointTest, ReceiversAreServedInTheOrderTheyCame) {
    Thread& second = kernel.thread(200);
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_FALSE(second.receive(endpoint));
    EXPECT_TRUE(client.send(endpoint));
    EXPECT_EQ(server.state(), ThreadState::running);
    EXPECT_EQ(second.state(), ThreadState::blocked_on_receive);
}

TEST_F(EndpointTest, NonBlockingCallsReturnAtOnce) {
    EXPECT_TRUE(client.nb_send(endpoint, {1, {}, {}}));
    server.tcb().info_register() = 77;
    server.tcb().registers().rdx = 0;
    EXPECT_TRUE(server.syscall(abi::Syscall::nb_recv, endpoint, {3, {9}, {}}));
    EXPECT_EQ(server.badge(), 0u);
    EXPECT_EQ(server.received(), (Received{0, 3, {9}, 0, 0})); // as they were
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_TRUE(client.nb_send(badged, {1, {}, {}}));
    EXPECT_EQ(server.badge(), 7u);
}

TEST_F(EndpointTest, WithoutTheRightNothingIsSent) {
    auto const reader = kernel.copy(endpoint, abi::right::read);
    EXPECT_EQ(client.call(reader, {}), invalid_capability(0));
    EXPECT_TRUE(client.send(reader));
    EXPECT_FALSE(client.start_call(endpoint)); // the endpoint was not touched
}

TEST_F(EndpointTest, ACallIsAnsweredByReply) {
    EXPECT_FALSE(client.start_call(badged, {1, {2}, {}}));
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_EQ(client.state(), ThreadState::blocked_on_reply);
    EXPECT_TRUE(server.reply({8, {9, 10}, {}}));
    EXPECT_EQ(client.state(), ThreadState::running);
    EXPECT_EQ(client.received(), (Received{0, 8, {9, 10}, 0, 0}));
    EXPECT_TRUE(server.reply({1, {}, {}})); // nobody waits any more
    EXPECT_EQ(client.received().label, 8u);
}

TEST_F(EndpointTest, ACallToAWaitingServerAndReplyRecv) {
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_FALSE(client.start_call(badged));
    EXPECT_FALSE(server.reply_receive(endpoint, {4, {}, {}}));
    EXPECT_EQ(client.received().label, 4u);
    EXPECT_EQ(server.state(), ThreadState::blocked_on_receive);
}

TEST_F(EndpointTest, ACallWithoutGrantRightsCannotBeAnswered) {
    auto const plain = kernel.copy(endpoint, abi::right::write);
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_FALSE(client.start_call(plain));
    EXPECT_EQ(client.state(), ThreadState::inactive);
    EXPECT_TRUE(server.tcb().cap(Tcb::caller).is_null());
    Thread& late = kernel.thread();
    EXPECT_FALSE(late.start_call(plain));
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_EQ(late.state(), ThreadState::inactive);
}

TEST_F(EndpointTest, GrantReplyIsEnoughToBeAnswered) {
    auto const plain = kernel.copy(endpoint, abi::right::write | abi::right::grant_reply);
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_FALSE(client.start_call(plain));
    EXPECT_EQ(client.state(), ThreadState::blocked_on_reply);
}

TEST_F(EndpointTest, ReceivingAgainForgetsTheCaller) {
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_EQ(client.state(), ThreadState::blocked_on_reply);
    EXPECT_TRUE(server.tcb().cap(Tcb::caller).is_null());
}

TEST_F(EndpointTest, SuspendingTheCallerTakesTheReplyCapability) {
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_EQ(kernel.invoke(client.cptr(), Label::tcb_suspend), success);
    EXPECT_TRUE(server.tcb().cap(Tcb::caller).is_null());
    EXPECT_EQ(kernel.invoke(client.cptr(), Label::tcb_resume), success);
    EXPECT_FALSE(client.again()); // it calls once more
    EXPECT_EQ(client.state(), ThreadState::blocked_on_send);
}

TEST_F(EndpointTest, ASuspendedWaiterLeavesTheQueue) {
    EXPECT_FALSE(client.send(endpoint));
    EXPECT_EQ(kernel.invoke(client.cptr(), Label::tcb_suspend), success);
    EXPECT_FALSE(server.receive(endpoint));
    EXPECT_EQ(kernel.invoke(server.cptr(), Label::tcb_suspend), success);
    EXPECT_EQ(kernel.at<Endpoint>(endpoint).state(), Endpoint::State::idle);
}

TEST_F(EndpointTest, DeletionRestartsEverybodyWhoWaits) {
    auto const other = kernel.endpoint();
    Thread& sender = kernel.thread();
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_FALSE(sender.send(endpoint));
    EXPECT_FALSE(server.receive(other));
    kernel.remove(other);
    kernel.remove(badged);
    kernel.remove(endpoint);
    for (Thread* const thread : {&client, &sender, &server}) EXPECT_EQ(thread->state(), ThreadState::restart);
    EXPECT_TRUE(client.again());
    EXPECT_EQ(client.received(), (Received{0, 2, {0}, 0, 0})); // InvalidCapability(0)
    EXPECT_TRUE(sender.again());
    EXPECT_FALSE(server.again()); // a fault, and no handler
    EXPECT_EQ(server.state(), ThreadState::inactive);
}

TEST_F(EndpointTest, ACallThroughASavedReplyAnswersAndReturns) {
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_EQ(server.invoke(abi::initial_slot::cnode, Label::cnode_save_caller, {free, 64}), success);
    EXPECT_EQ(server.call(free, {6, {}, {}}), success);
    EXPECT_EQ(client.received().label, 6u);
    EXPECT_EQ(server.call(free, {}), invalid_capability(0));
}

TEST_F(EndpointTest, WithoutABufferAMessageHasFourWords) {
    EXPECT_EQ(kernel.invoke(server.cptr(), Label::tcb_set_ipc_buffer, {0}, {free}), success);
    EXPECT_FALSE(server.receive(endpoint));
    client.send(endpoint, {0, {1, 2, 3, 4, 5}, {}});
    EXPECT_EQ(server.received().words, (Words{1, 2, 3, 4}));
}

TEST_F(EndpointTest, LengthsBeyondTheLimitCountAsTheLimit) {
    EXPECT_FALSE(server.receive(endpoint));
    client.buffer().message[119] = 55;
    kernel.run(client.tcb());
    Message message{0, Words(120), {}};
    message.words[119] = 55;
    client.send(endpoint, message);
    EXPECT_EQ(server.received().words.size(), 120u);
    EXPECT_EQ(server.received().words[119], 55u);
    EXPECT_EQ((abi::MessageInfo{127}.length()), 120u);
}

// SPDX-License-Identifier: Apache-2.0
// Capabilities in messages: ABI 8.4.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct TransferTest : testing::Test {
    TestKernel kernel;
    CPtr const endpoint = kernel.endpoint();
    CPtr const badged = kernel.mint(endpoint, 7);
    CPtr const other = kernel.endpoint();
    CPtr const to = kernel.next_slot();
    Thread& client = kernel.thread();
    Thread& server = kernel.thread();

    Received transfer(CPtr through, std::vector<CPtr> caps) {
        EXPECT_FALSE(server.receive(endpoint));
        EXPECT_TRUE(client.send(through, {0, {}, std::move(caps)}));
        return server.received();
    }
};

} // namespace

TEST_F(TransferTest, OneCapabilityArrivesInTheReceiveSlot) {
    server.set_receive_slot(to);
    EXPECT_EQ(transfer(endpoint, {other}), (Received{0, 0, {}, 1, 0}));
    EXPECT_EQ(kernel.cap(to), kernel.cap(other));
    kernel.revoke(other); // it is a copy in the sender's tree
    EXPECT_TRUE(kernel.empty(to));
}

TEST_F(TransferTest, CapabilitiesToTheEndpointItselfArriveAsTheirBadges) {
    server.set_receive_slot(to);
    EXPECT_EQ(transfer(endpoint, {badged, other, endpoint}), (Received{0, 0, {}, 3, 5}));
    EXPECT_EQ(server.buffer().caps_or_badges[0], 7u);
    EXPECT_EQ(server.buffer().caps_or_badges[2], 0u);
    EXPECT_EQ(kernel.cap(to), kernel.cap(other));
}

TEST_F(TransferTest, ASecondCapabilityFindsNoSlotAndEndsTheTransfer) {
    server.set_receive_slot(to);
    EXPECT_EQ(transfer(endpoint, {other, other, badged}), (Received{0, 0, {}, 1, 0}));
}

TEST_F(TransferTest, NothingArrivesWithoutGrantSlotOrBuffer) {
    auto const no_grant = kernel.copy(endpoint, 11);
    server.set_receive_slot(to);
    EXPECT_EQ(transfer(no_grant, {other}).extra_caps, 0u);
    server.set_receive_slot(other); // occupied
    EXPECT_EQ(transfer(endpoint, {other}).extra_caps, 0u);
    server.set_receive_slot(0);
    EXPECT_EQ(transfer(endpoint, {other}).extra_caps, 0u);
    server.set_receive_slot(to);
    server.buffer().receive_depth = 65;
    EXPECT_EQ(transfer(endpoint, {other}).extra_caps, 0u);
    server.set_receive_slot(to);
    server.buffer().receive_cnode = other;
    EXPECT_EQ(transfer(endpoint, {other}).extra_caps, 0u);
    EXPECT_EQ(kernel.invoke(server.cptr(), Label::tcb_set_ipc_buffer, {0}, {to}), success);
    EXPECT_EQ(transfer(endpoint, {badged}), (Received{0, 0, {}, 0, 0}));
    EXPECT_TRUE(kernel.empty(to));
}

TEST_F(TransferTest, WhatCannotBeCopiedEndsTheTransfer) {
    server.set_receive_slot(to);
    EXPECT_EQ(transfer(endpoint, {badged, abi::initial_slot::irq_control, badged}), (Received{0, 0, {}, 1, 1}));
    EXPECT_EQ(transfer(endpoint, {kernel.next_slot()}).extra_caps, 0u); // an empty slot
    EXPECT_EQ(transfer(endpoint, {kernel.object(ObjectType::page_table)}).extra_caps, 0u);
    EXPECT_TRUE(kernel.empty(to));
}

TEST_F(TransferTest, ABadCapabilityAddressIsAFaultAtTheCall) {
    u64 const bad = u64{1} << 60;
    EXPECT_FALSE(client.send(endpoint, {0, {}, {bad}}));
    EXPECT_EQ(client.state(), ThreadState::inactive);
}

TEST_F(TransferTest, ABlockedSendersCapabilitiesAreLookedUpWhenItIsServed) {
    auto const sent = kernel.copy(other);
    server.set_receive_slot(to);
    EXPECT_FALSE(client.send(endpoint, {0, {}, {sent}}));
    client.buffer().caps_or_badges[0] = u64{1} << 60; // somebody who shares the page
    EXPECT_TRUE(server.receive(endpoint));
    EXPECT_EQ(server.received().extra_caps, 0u);
}

TEST_F(TransferTest, AReplyCarriesCapabilitiesIfTheServerMayGrant) {
    client.set_receive_slot(to);
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(server.receive(kernel.copy(endpoint, abi::right::read)));
    server.reply({0, {}, {other}});
    EXPECT_EQ(client.received().extra_caps, 0u);
    EXPECT_FALSE(client.start_call(endpoint));
    EXPECT_TRUE(server.receive(endpoint));
    server.reply({0, {}, {badged}}); // nothing is unwrapped in a reply
    EXPECT_EQ(client.received(), (Received{0, 0, {}, 1, 0}));
    EXPECT_EQ(kernel.cap(to), kernel.cap(badged));
}

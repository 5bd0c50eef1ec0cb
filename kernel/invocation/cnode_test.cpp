// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

using abi::initial_slot::cnode;

struct CNodeTest : testing::Test {
    TestKernel kernel;
    CPtr const endpoint = kernel.endpoint();
    CPtr const to = kernel.next_slot();
    CPtr const free = kernel.next_slot();

    Answer invoke(Label label, Words words, std::vector<CPtr> caps = {cnode}) {
        return kernel.invoke(cnode, label, std::move(words), std::move(caps));
    }
};

} // namespace

TEST_F(CNodeTest, ChecksLabelLengthAndTargetFirst) {
    EXPECT_EQ(invoke(Label::tcb_suspend, {}), illegal_operation);
    EXPECT_EQ(invoke(Label::irq_issue_irq_handler, {}), illegal_operation);
    for (Label const label : {Label::cnode_copy, Label::cnode_mint, Label::cnode_move, Label::cnode_mutate, Label::cnode_revoke,
                              Label::cnode_delete, Label::cnode_cancel_badged_sends, Label::cnode_save_caller, Label::cnode_rotate}) {
        EXPECT_EQ(invoke(label, {to}), truncated);
        EXPECT_EQ(invoke(label, {to, 0}), range_error(1, 64));
        EXPECT_EQ(invoke(label, {to, 65}), range_error(1, 64));
        EXPECT_EQ(invoke(label, {to, 10}), guard_mismatch(Which::destination, 10, 0, kernel.root_guard()));
        EXPECT_EQ(invoke(label, {to | u64{1} << 63, 64}), guard_mismatch(Which::destination, 64, 0, kernel.root_guard()));
        EXPECT_EQ(invoke(label, {to, 63}), depth_mismatch(Which::destination, 63, 64));
    }
}

TEST_F(CNodeTest, TheTargetMustBeResolvedExactly) {
    auto const node = kernel.cnode(2);
    EXPECT_EQ(kernel.invoke(node, Label::cnode_delete, {0, 3}), depth_mismatch(Which::destination, 1, 0));
}

TEST_F(CNodeTest, CopyAndItsKinChecksInOrder) {
    for (Label const label : {Label::cnode_copy, Label::cnode_mint, Label::cnode_move, Label::cnode_mutate}) {
        EXPECT_EQ(invoke(label, {endpoint, 64, free}), truncated);
        EXPECT_EQ(invoke(label, {endpoint, 64, free, 64}, {}), truncated);
        EXPECT_EQ(invoke(label, {endpoint, 64, free, 0}), delete_first);
        EXPECT_EQ(invoke(label, {to, 64, free, 64}, {endpoint}), invalid_root(Which::source));
        EXPECT_EQ(invoke(label, {to, 64, free, 65}), range_error(1, 64));
        EXPECT_EQ(invoke(label, {to, 64, free, 64}), missing(Which::source, 64));
    }
    EXPECT_EQ(invoke(Label::cnode_copy, {to, 64, endpoint, 64}), truncated);
    EXPECT_EQ(invoke(Label::cnode_mint, {to, 64, endpoint, 64, 15}), truncated);
    EXPECT_EQ(invoke(Label::cnode_mutate, {to, 64, endpoint, 64}), truncated);
    EXPECT_EQ(invoke(Label::cnode_mutate, {to, 64, endpoint, 64, 0}), illegal_operation);
    EXPECT_EQ(invoke(Label::cnode_move, {to, 64, endpoint, 64}), success);
}

TEST_F(CNodeTest, CopyTakesRightsAwayAndGivesNoneBack) {
    auto const reader = kernel.copy(endpoint, abi::right::read);
    EXPECT_EQ(kernel.get<EndpointCap>(reader).rights.to_abi(), abi::right::read);
    EXPECT_EQ(kernel.get<EndpointCap>(kernel.copy(reader)).rights.to_abi(), abi::right::read);
    auto const frame = kernel.frame();
    EXPECT_EQ(kernel.get<FrameCap>(kernel.copy(frame, abi::right::read)).rights, FrameRights::read_only);
}

TEST_F(CNodeTest, ABadgeIsSetOnce) { // ABI 7.3
    auto const badged = kernel.mint(endpoint, ~u64{0});
    EXPECT_EQ(kernel.get<EndpointCap>(badged).badge, ~u64{0});
    for (u64 const badge : {u64{0}, u64{1}, ~u64{0}}) EXPECT_EQ(kernel.try_mint(to, badged, badge), illegal_operation);
    EXPECT_EQ(kernel.try_mutate(to, badged, 1), illegal_operation);
    auto const notification = kernel.notification();
    EXPECT_EQ(kernel.get<NotificationCap>(kernel.mint(notification, 5)).badge, 5u);
    EXPECT_EQ(kernel.try_mutate(to, notification, 1), illegal_operation);
    EXPECT_EQ(kernel.get<EndpointCap>(kernel.mint(endpoint, 0)).badge, 0u);
}

TEST_F(CNodeTest, AGuardIsSetByMintAndMutate) {
    auto const node = kernel.cnode(4);
    auto const minted = kernel.mint(node, 0xff << 6 | 3);
    EXPECT_EQ(kernel.get<CNodeCap>(minted).guard_size, 3u);
    EXPECT_EQ(kernel.get<CNodeCap>(minted).guard, 7u);
    EXPECT_EQ(kernel.try_mint(to, node, 61), illegal_operation);
    EXPECT_EQ(kernel.try_mutate(to, node, 60), success);
    EXPECT_EQ(kernel.get<CNodeCap>(to).guard_size, 60u);
    auto const domain = kernel.mint(abi::initial_slot::domain, 99); // others ignore the word
    EXPECT_EQ(kernel.cap(domain).type(), CapType::domain);
}

TEST_F(CNodeTest, CancelBadgedSendsNeedsAllRightsToAnEndpoint) {
    EXPECT_EQ(invoke(Label::cnode_cancel_badged_sends, {to, 64}), illegal_operation);
    EXPECT_EQ(invoke(Label::cnode_cancel_badged_sends, {abi::initial_slot::domain, 64}), illegal_operation);
    EXPECT_EQ(invoke(Label::cnode_cancel_badged_sends, {kernel.copy(endpoint, 7), 64}), illegal_operation);
    EXPECT_EQ(invoke(Label::cnode_cancel_badged_sends, {endpoint, 64}), success);
}

TEST_F(CNodeTest, CancelBadgedSendsRestartsTheSendersOfThatBadge) {
    auto const seven = kernel.mint(endpoint, 7);
    auto const eight = kernel.mint(endpoint, 8);
    Thread& one = kernel.thread();
    Thread& other = kernel.thread();
    EXPECT_FALSE(one.send(seven));
    EXPECT_FALSE(other.start_call(eight));
    EXPECT_EQ(invoke(Label::cnode_cancel_badged_sends, {seven, 64}), success);
    EXPECT_EQ(one.state(), ThreadState::restart);
    EXPECT_EQ(other.state(), ThreadState::blocked_on_send);
    EXPECT_FALSE(one.again()); // it sends once more
    EXPECT_EQ(invoke(Label::cnode_cancel_badged_sends, {endpoint, 64}), success);
    EXPECT_EQ(one.state(), ThreadState::blocked_on_send);
}

TEST_F(CNodeTest, SaveCallerMovesTheReplyCapability) {
    Thread& client = kernel.thread();
    EXPECT_EQ(invoke(Label::cnode_save_caller, {to, 64}), success);
    EXPECT_TRUE(kernel.empty(to));
    EXPECT_FALSE(client.start_call(endpoint));
    kernel.root().receive(endpoint);
    EXPECT_EQ(invoke(Label::cnode_save_caller, {endpoint, 64}), delete_first);
    EXPECT_EQ(invoke(Label::cnode_save_caller, {to, 64}), success);
    EXPECT_TRUE(kernel.cap(to).is<ReplyCap>());
    EXPECT_EQ(kernel.try_copy(free, to), illegal_operation);
    auto const moved = kernel.move(to);
    kernel.root().send(moved, {3, {4}, {}});
    EXPECT_TRUE(kernel.empty(moved));
    EXPECT_EQ(client.received(), (Received{0, 3, {4}, 0, 0}));
}

TEST_F(CNodeTest, RotateChecksInOrder) {
    auto const rotate = [&](CPtr dest, CPtr pivot, CPtr source, u64 pivot_depth = 64, u64 source_depth = 64) {
        return invoke(Label::cnode_rotate, {dest, 64, 0, pivot, pivot_depth, 0, source, source_depth}, {cnode, cnode});
    };
    auto const untyped = kernel.untyped(4);
    auto const domain = kernel.copy(abi::initial_slot::domain);
    EXPECT_EQ(invoke(Label::cnode_rotate, {to, 64, 0, 0, 0, 0, 0}, {cnode, cnode}), truncated);
    EXPECT_EQ(invoke(Label::cnode_rotate, {to, 64, 0, 0, 0, 0, 0, 0}, {cnode}), truncated);
    EXPECT_EQ(rotate(to, to, to, 0, 65), range_error(1, 64));
    EXPECT_EQ(rotate(to, to, to, 63, 62), depth_mismatch(Which::source, 62, 64));
    EXPECT_EQ(rotate(to, to, to, 63), depth_mismatch(Which::source, 63, 64));
    EXPECT_EQ(rotate(endpoint, free, free), illegal_operation);
    EXPECT_EQ(rotate(endpoint, endpoint, free), illegal_operation);
    EXPECT_EQ(rotate(endpoint, to, free), delete_first);
    EXPECT_EQ(rotate(to, kernel.next_slot(), free), missing(Which::source, 64));
    EXPECT_EQ(rotate(to, free, untyped), missing(Which::destination, 64));
    EXPECT_EQ(rotate(to, domain, endpoint), illegal_operation);
    EXPECT_EQ(rotate(to, endpoint, domain), illegal_operation);
}

TEST_F(CNodeTest, RotateMovesTwoOrSwaps) {
    auto const untyped = kernel.untyped(4);
    auto const domain = kernel.copy(abi::initial_slot::domain);
    auto const rotate = [&](CPtr dest, CPtr pivot, CPtr source) {
        return invoke(Label::cnode_rotate, {dest, 64, 0, pivot, 64, 0, source, 64}, {cnode, cnode});
    };
    EXPECT_EQ(rotate(to, untyped, domain), success);
    EXPECT_TRUE(kernel.cap(to).is<UntypedCap>() && kernel.cap(untyped).is<DomainCap>() && kernel.empty(domain));
    EXPECT_EQ(rotate(to, untyped, to), success);
    EXPECT_TRUE(kernel.cap(to).is<DomainCap>() && kernel.cap(untyped).is<UntypedCap>());
}

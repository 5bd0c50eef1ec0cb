// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

// Puts `cap` into slot `index` of the CNode, whose capability must be fresh (no guard).
void move_into(TestKernel& kernel, CPtr cnode, u64 index, CPtr cap) {
    unsigned const radix = kernel.get<CNodeCap>(cnode).radix;
    ASSERT_EQ(kernel.invoke(cnode, Label::cnode_move, {index, radix, cap, 64}, {abi::initial_slot::cnode}), success);
}
void copy_into(TestKernel& kernel, CPtr cnode, u64 index, CPtr cap) {
    unsigned const radix = kernel.get<CNodeCap>(cnode).radix;
    ASSERT_EQ(kernel.invoke(cnode, Label::cnode_copy, {index, radix, cap, 64, 15}, {abi::initial_slot::cnode}), success);
}

} // namespace

TEST(Deletion, OfTheLastCapabilityOfACNodeEmptiesItsSlots) {
    TestKernel kernel;
    auto const untyped = kernel.untyped(14);
    auto const cnode = kernel.retype(untyped, ObjectType::cnode, 2);
    auto const endpoint = kernel.retype(untyped, ObjectType::endpoint);
    for (u64 i = 0; i < 4; ++i) copy_into(kernel, cnode, i, endpoint);
    kernel.remove(cnode);
    EXPECT_EQ(kernel.derivations(), "untyped 16K\n  endpoint\n");
}

TEST(Deletion, OfOneOfTwoCapabilitiesLeavesTheCNodeAlone) {
    TestKernel kernel;
    auto const cnode = kernel.cnode(1);
    auto const other = kernel.copy(cnode);
    copy_into(kernel, cnode, 1, kernel.endpoint());
    kernel.remove(cnode);
    EXPECT_EQ(kernel.invoke(other, Label::cnode_delete, {1, 1}), success);
}

TEST(Deletion, OfNestedCNodesKeepsThePlacesOfAllOthers) {
    TestKernel kernel;
    auto const untyped = kernel.untyped(14);
    auto const outer = kernel.retype(untyped, ObjectType::cnode, 2);
    auto const inner = kernel.retype(untyped, ObjectType::cnode, 2);
    auto const endpoint = kernel.retype(untyped, ObjectType::endpoint);
    EXPECT_EQ(kernel.invoke(abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_msi,
                            {kernel.next_slot(), 64, 0, 0, 0, 0, 5}, {abi::initial_slot::cnode}),
              success);
    auto const handler = kernel.next_slot() - 1;
    for (u64 i = 0; i < 3; ++i) copy_into(kernel, inner, i, endpoint);
    copy_into(kernel, inner, 3, handler);
    copy_into(kernel, outer, 0, endpoint);
    move_into(kernel, outer, 3, inner);
    kernel.remove(outer);
    EXPECT_EQ(kernel.derivations(), "untyped 16K\n  endpoint\n");
    EXPECT_TRUE(kernel.kernel.irqs.in_use(5));
}

TEST(Deletion, OfACNodeThatHoldsItsOwnOnlyCapability) {
    for (u64 own = 0; own < 4; ++own) {
        TestKernel kernel;
        auto const untyped = kernel.untyped(14);
        auto const cnode = kernel.retype(untyped, ObjectType::cnode, 2);
        auto const endpoint = kernel.retype(untyped, ObjectType::endpoint);
        for (u64 i = 0; i < 4; ++i)
            if (i != own) copy_into(kernel, cnode, i, endpoint);
        auto const copy = kernel.copy(cnode);
        move_into(kernel, copy, own, cnode);
        kernel.remove(copy); // the one inside is the last now
        EXPECT_EQ(kernel.derivations(), "untyped 16K\n  endpoint\n    endpoint\n    endpoint\n    endpoint\n  cnode 4\n") << own;
        kernel.revoke(untyped);
        EXPECT_EQ(kernel.derivations(), "untyped 16K\n") << own;
    }
}

TEST(Deletion, OfTwoCNodesThatHoldEachOther) {
    for (u64 place = 0; place < 4; ++place) {
        TestKernel kernel;
        auto const untyped = kernel.untyped(14);
        auto const one = kernel.retype(untyped, ObjectType::cnode, 1);
        auto const two = kernel.retype(untyped, ObjectType::cnode, 1);
        copy_into(kernel, one, place & 1, two);
        copy_into(kernel, two, place >> 1, one);
        kernel.remove(one);
        kernel.remove(two);
        kernel.revoke(untyped);
        EXPECT_EQ(kernel.derivations(), "untyped 16K\n") << place;
    }
}

TEST(Deletion, OfAChainOfAThousandCNodesStoppedAtEveryStep) {
    TestKernel kernel(TestKernel::preempting());
    kernel.checking = false; // a thousand times a thousand slots
    kernel.machine.interrupt_pending = true;
    auto const untyped = kernel.untyped(17);
    CPtr outer = kernel.retype(untyped, ObjectType::cnode, 1);
    for (unsigned i = 0; i < 999; ++i) {
        CPtr const next = kernel.retype(untyped, ObjectType::cnode, 1);
        move_into(kernel, next, i & 1, outer); // in the first slot or the last
        outer = next;
    }
    kernel.preemptions = 0;
    kernel.remove(outer);
    EXPECT_GE(kernel.preemptions, 2000u); // the slots
    EXPECT_EQ(kernel.inconsistency(), "");
    EXPECT_EQ(kernel.derivations(), "untyped 128K\n");
}

TEST(Deletion, OfAWideTreeStoppedAtEveryStepIsConsistentInBetween) {
    TestKernel kernel(TestKernel::preempting());
    kernel.machine.interrupt_pending = true;
    auto const untyped = kernel.untyped(17);
    auto const root = kernel.retype(untyped, ObjectType::cnode, 3);
    auto const endpoint = kernel.retype(untyped, ObjectType::endpoint);
    for (u64 i = 0; i < 8; ++i) {
        CPtr const branch = kernel.retype(untyped, ObjectType::cnode, 2);
        for (u64 j = 0; j < 4; ++j) {
            CPtr const leaf = kernel.retype(untyped, j % 2 ? ObjectType::cnode : ObjectType::tcb, 1);
            if (j % 2) copy_into(kernel, leaf, 0, endpoint);
            move_into(kernel, branch, j, leaf);
        }
        move_into(kernel, root, i, branch);
    }
    kernel.remove(root);
    EXPECT_EQ(kernel.derivations(), "untyped 128K\n  endpoint\n");
}

TEST(Deletion, OfAThreadThatHoldsItsOwnCapabilitySpace) {
    TestKernel kernel;
    auto const untyped = kernel.untyped(14);
    auto const cnode = kernel.retype(untyped, ObjectType::cnode, 1);
    auto const tcb = kernel.retype(untyped, ObjectType::tcb);
    EXPECT_EQ(kernel.invoke(tcb, Label::tcb_set_space, {0, 0, 0}, {cnode, abi::initial_slot::vspace}), success);
    move_into(kernel, cnode, 0, tcb);
    kernel.remove(cnode); // the thread keeps the node, and the node the thread
    EXPECT_EQ(kernel.derivations(), "untyped 16K\n  tcb\n  cnode 2\n");
    kernel.revoke(untyped);
    EXPECT_EQ(kernel.derivations(), "untyped 16K\n");
}

TEST(Deletion, OfTheRunningThreadEndsIt) {
    TestKernel kernel;
    Thread& other = kernel.thread(50);
    Thread& thread = kernel.thread(100);
    EXPECT_FALSE(thread.start_call(abi::initial_slot::cnode, {static_cast<u64>(Label::cnode_delete), {thread.cptr(), 64}, {}}));
    EXPECT_TRUE(kernel.empty(thread.cptr()));
    EXPECT_EQ(&kernel.current(), &kernel.root().tcb());
    EXPECT_TRUE(other.tcb().runnable());
}

TEST(Deletion, OfTheRunningThreadsOwnSpaceLeavesItWithout) {
    TestKernel kernel;
    Thread& thread = kernel.thread();
    auto const untyped = kernel.untyped(14);
    auto const cnode = kernel.retype(untyped, ObjectType::cnode, 1);
    copy_into(kernel, cnode, 1, abi::initial_slot::cnode);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_space, {0, 63, 0}, {cnode, abi::initial_slot::vspace}), success);
    kernel.revoke(untyped);
    EXPECT_TRUE(thread.tcb().cap(Tcb::cspace).is_null());
    EXPECT_FALSE(thread.start_call(1)); // a fault that nobody handles
    EXPECT_EQ(thread.state(), ThreadState::inactive);
}

TEST(Deletion, AZombieCanBeMovedAndNothingElse) {
    TestKernel kernel(TestKernel::preempting());
    kernel.machine.interrupt_pending = true;
    kernel.repeating = false;
    auto const cnode = kernel.cnode(3);
    kernel.try_remove(cnode);
    kernel.root().tcb().context.next_ip = 0x400100; // the thread does something else instead
    ASSERT_EQ(kernel.cap(cnode).type(), CapType::zombie);
    kernel.repeating = true;
    EXPECT_EQ(kernel.invoke(cnode, Label::cnode_delete, {0, 3}), invalid_capability(0));
    EXPECT_EQ(kernel.try_copy(kernel.next_slot(), cnode), illegal_operation);
    auto const moved = kernel.move(cnode);
    kernel.root().syscall(abi::Syscall::debug_cap_identify, moved);
    EXPECT_EQ(kernel.root().badge(), 18u);
    kernel.remove(moved);
    EXPECT_TRUE(kernel.empty(moved));
}

TEST(Deletion, OfAnEmptySlotSucceeds) {
    TestKernel kernel;
    EXPECT_EQ(kernel.try_remove(kernel.next_slot()), success);
    kernel.revoke(kernel.next_slot());
}

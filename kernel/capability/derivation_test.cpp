// SPDX-License-Identifier: Apache-2.0
#include "kernel/capability/derivation.hpp"

#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

TEST(Derivation, RevokingAnUntypedRemovesEverythingDerivedFromIt) {
    TestKernel kernel;
    auto const untyped = kernel.untyped(12);
    auto const endpoint = kernel.retype(untyped, ObjectType::endpoint);
    auto const badged = kernel.mint(endpoint, 7);
    EXPECT_EQ(kernel.derivations(), "untyped 4K\n  endpoint\n    endpoint 7\n");
    kernel.revoke(untyped);
    EXPECT_TRUE(kernel.empty(endpoint) && kernel.empty(badged));
    EXPECT_EQ(kernel.derivations(), "untyped 4K\n");
}

TEST(Derivation, ACopyOfACopyIsASiblingAndRevokesNothing) {
    TestKernel kernel;
    auto const original = kernel.endpoint();
    auto const copy = kernel.copy(original);
    auto const second = kernel.copy(copy);
    EXPECT_EQ(kernel.derivations(), "endpoint\n  endpoint\n  endpoint\n");
    kernel.revoke(copy);
    EXPECT_FALSE(kernel.empty(second));
    kernel.revoke(original);
    EXPECT_TRUE(kernel.empty(copy) && kernel.empty(second));
}

TEST(Derivation, ABadgedCapabilityIsAnOriginalOfItsBadge) {
    TestKernel kernel;
    auto const original = kernel.notification();
    auto const seven = kernel.mint(original, 7);
    auto const copy = kernel.copy(seven);
    auto const eight = kernel.mint(original, 8);
    EXPECT_EQ(kernel.derivations(), "notification\n  notification 8\n  notification 7\n    notification 7\n");
    kernel.revoke(seven);
    EXPECT_TRUE(kernel.empty(copy));
    EXPECT_FALSE(kernel.empty(eight));
    kernel.revoke(original);
    EXPECT_TRUE(kernel.empty(seven) && kernel.empty(eight));
}

TEST(Derivation, TwoCapabilitiesMintedWithOneBadgeDoNotRevokeEachOther) {
    TestKernel kernel;
    auto const original = kernel.endpoint();
    auto const one = kernel.mint(original, 7);
    auto const other = kernel.mint(original, 7);
    kernel.revoke(one);
    kernel.revoke(other);
    EXPECT_EQ(kernel.derivations(), "endpoint\n  endpoint 7\n  endpoint 7\n");
}

TEST(Derivation, AfterTheFirstOfABadgeTheNextOneStandsForIt) {
    TestKernel kernel;
    auto const original = kernel.endpoint();
    auto const seven = kernel.mint(original, 7);
    auto const copy = kernel.copy(seven);
    auto const earlier = kernel.mint(original, 7);
    kernel.remove(seven);
    kernel.revoke(earlier); // must not take the copy of the other one
    EXPECT_FALSE(kernel.empty(copy));
}

TEST(Derivation, MintingFromACopyMakesADescendantOfTheOriginal) {
    TestKernel kernel;
    auto const original = kernel.endpoint();
    auto const copy = kernel.copy(original);
    auto const badged = kernel.mint(copy, 5);
    kernel.revoke(copy);
    EXPECT_FALSE(kernel.empty(badged));
    kernel.revoke(original);
    EXPECT_TRUE(kernel.empty(badged));
}

TEST(Derivation, OfAnUntypedCopyIsTheSourcesChildAndTakesOver) {
    TestKernel kernel;
    auto const untyped = kernel.untyped(12);
    auto const first = kernel.retype(untyped, ObjectType::endpoint);
    EXPECT_EQ(kernel.try_copy(kernel.next_slot(), untyped), revoke_first);
    kernel.remove(first);
    auto const copy = kernel.copy(untyped);
    EXPECT_EQ(kernel.get<UntypedCap>(untyped).free_offset, 4096u);
    EXPECT_EQ(kernel.get<UntypedCap>(copy).free_offset, 16u);
    EXPECT_EQ(kernel.try_retype(untyped, ObjectType::endpoint, 0, kernel.next_slot()), not_enough_memory(0));
    auto const endpoint = kernel.retype(copy, ObjectType::endpoint);
    kernel.revoke(untyped);
    EXPECT_TRUE(kernel.empty(copy) && kernel.empty(endpoint));
}

TEST(Derivation, MovingKeepsThePlace) {
    TestKernel kernel;
    auto const original = kernel.endpoint();
    auto const copy = kernel.copy(original);
    auto const moved = kernel.move(original);
    EXPECT_TRUE(kernel.empty(original));
    EXPECT_EQ(kernel.derivations(), "endpoint\n  endpoint\n");
    kernel.revoke(moved);
    EXPECT_TRUE(kernel.empty(copy));
}

TEST(Derivation, ControlCapabilitiesRevokeWhatTheyIssued) {
    TestKernel kernel;
    auto const ports = kernel.next_slot();
    auto const handler = kernel.next_slot();
    EXPECT_EQ(kernel.invoke(abi::initial_slot::io_port_control, Label::x86_io_port_control_issue, {0x60, 0x64, ports, 64}, {2}), success);
    EXPECT_EQ(kernel.invoke(abi::initial_slot::irq_control, Label::x86_irq_issue_irq_handler_msi, {handler, 64, 0, 0, 0, 0, 3}, {2}),
              success);
    auto const copy = kernel.copy(handler);
    kernel.revoke(handler); // an original, since it was issued
    EXPECT_TRUE(kernel.empty(copy));
    kernel.revoke(abi::initial_slot::io_port_control);
    kernel.revoke(abi::initial_slot::irq_control);
    EXPECT_TRUE(kernel.empty(ports) && kernel.empty(handler));
    EXPECT_FALSE(kernel.kernel.irqs.in_use(3) || kernel.kernel.io_ports.any_in_use(0x60, 0x64));
}

TEST(Derivation, ARegionContainsWhatTheTableSays) { // ABI 10.3
    TestKernel kernel;
    auto const untyped = kernel.untyped(14);
    auto const other = kernel.untyped(14);
    auto const frame = kernel.retype(untyped, ObjectType::small_page);
    auto const endpoint = kernel.retype(untyped, ObjectType::endpoint);
    auto const tcb = kernel.retype(untyped, ObjectType::tcb);
    auto const in = [&](CPtr region, CPtr cap) { return same_region(kernel.cap(region), kernel.cap(cap)); };
    EXPECT_TRUE(in(untyped, frame) && in(untyped, endpoint) && in(untyped, tcb) && in(untyped, untyped));
    EXPECT_FALSE(in(other, frame) || in(frame, untyped) || in(untyped, other) || in(frame, endpoint));
    EXPECT_TRUE(in(4, 4) && !in(4, 7) && in(11, 11) && in(5, 5) && !in(5, 11));
    EXPECT_TRUE(same_region(IrqControlCap{}, IrqHandlerCap{1}) && same_region(IoPortControlCap{}, IoPortCap{1, 2}));
    EXPECT_FALSE(same_region(IrqHandlerCap{1}, IrqHandlerCap{2}) || same_region(IoPortCap{1, 2}, IoPortCap{1, 3}));
    EXPECT_FALSE(same_region(Cap{}, Cap{}));
    FrameCap const large{{0x400000}, PageSize::large, FrameRights::read_write, false, MappedIn::nothing, {}, 0};
    FrameCap const inside{{0x401000}, PageSize::small, FrameRights::read_write, false, MappedIn::nothing, {}, 0};
    EXPECT_TRUE(same_region(large, inside) && !same_region(inside, large) && !same_object(large, inside));
    auto cnode = kernel.get<CNodeCap>(abi::initial_slot::cnode);
    cnode.guard_size = 0;
    EXPECT_TRUE(same_object(cnode, kernel.cap(abi::initial_slot::cnode)));
    --cnode.radix;
    EXPECT_FALSE(same_object(cnode, kernel.cap(abi::initial_slot::cnode)));
}

TEST(Derivation, WhatMayBeCopied) { // ABI 10.2
    TestKernel kernel;
    CPtr const to = kernel.next_slot();
    EXPECT_EQ(kernel.try_copy(to, abi::initial_slot::irq_control), illegal_operation);
    EXPECT_EQ(kernel.try_copy(to, abi::initial_slot::io_port_control), illegal_operation);
    EXPECT_EQ(kernel.try_copy(to, kernel.object(ObjectType::page_table)), illegal_operation);
    EXPECT_EQ(kernel.try_copy(to, kernel.object(ObjectType::pml4)), illegal_operation);
    for (CPtr const from : {abi::initial_slot::domain, abi::initial_slot::asid_control, abi::initial_slot::asid_pool,
                            abi::initial_slot::vspace, abi::initial_slot::tcb, abi::initial_slot::cnode})
        EXPECT_EQ(kernel.cap(kernel.copy(from)), kernel.cap(from));
}

TEST(Derivation, ACopyOfAMappedFrameIsNotMapped) {
    TestKernel kernel;
    kernel.map_tables(0x200000);
    auto const frame = kernel.frame();
    EXPECT_EQ(kernel.map_frame(frame, 0x200000), success);
    EXPECT_EQ(kernel.get<FrameCap>(kernel.copy(frame)).mapped_in, MappedIn::nothing);
    EXPECT_EQ(kernel.get<FrameCap>(frame).mapped_in, MappedIn::address_space);
}

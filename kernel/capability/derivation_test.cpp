// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/capability/derivation.hpp"
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

TEST(Derivation, SwappingWhatTwoSlotsHoldExchangesIt) {
    Slot one, other;
    DerivationList::insert_root(IrqHandlerCap{1}, one);
    DerivationList::insert_root(IrqHandlerCap{2}, other);
    DerivationList::swap(one.cap(), one, other.cap(), other);
    EXPECT_EQ(one.cap().get<IrqHandlerCap>().vector, 2u);
    EXPECT_EQ(other.cap().get<IrqHandlerCap>().vector, 1u);
}

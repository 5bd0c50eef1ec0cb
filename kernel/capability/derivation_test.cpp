// SPDX-License-Identifier: Apache-2.0
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

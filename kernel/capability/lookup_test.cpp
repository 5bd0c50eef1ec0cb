// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct LookupTest : testing::Test {
    alignas(32) Slot outer[8];
    alignas(32) Slot inner[4];
    // Radix 3 behind a guard of 4 bits (0xa); slot 5 holds a CNode of radix 2 behind a guard of 1 bit (1).
    CNodeCap const root{outer, 3, 4, 0xa};

    void SetUp() override { outer[5].update(CNodeCap{inner, 2, 1, 1}); }
    void expect_failure(LookupFailure const& expected, u64 address, unsigned bits) {
        auto const found = lookup_slot(root, address, bits);
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().type, expected.type);
        EXPECT_EQ(found.error().bits_left, expected.bits_left);
        EXPECT_EQ(found.error().second, expected.second);
        EXPECT_EQ(found.error().third, expected.third);
    }
};

} // namespace

TEST_F(LookupTest, FindsASlotOfTheFirstNode) {
    auto const found = lookup_slot(root, 0xa << 3 | 2, 7);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->slot, &outer[2]);
    EXPECT_EQ(found->bits_left, 0u);
}

TEST_F(LookupTest, StopsAtWhatIsNoNodeAndSaysHowManyBitsAreLeft) {
    auto const found = lookup_slot(root, (0xa << 3 | 2) << 5, 12);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->slot, &outer[2]);
    EXPECT_EQ(found->bits_left, 5u);
}

TEST_F(LookupTest, GoesThroughNodes) {
    auto const found = lookup_slot(root, (0xa << 3 | 5) << 3 | 1 << 2 | 3, 10);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->slot, &inner[3]);
    EXPECT_EQ(found->bits_left, 0u);
}

TEST_F(LookupTest, ANodeIsFoundWhenNoBitsAreLeft) { EXPECT_EQ(lookup_slot(root, 0xa << 3 | 5, 7)->slot, &outer[5]); }

TEST_F(LookupTest, FailsWithoutANode) {
    auto const found = lookup_slot(DomainCap{}, 0, 64);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().type, abi::LookupFailureType::invalid_root);
    EXPECT_FALSE(lookup_slot(Cap{}, 0, 64));
}

TEST_F(LookupTest, FailsWhenTheGuardDiffers) {
    expect_failure(LookupFailure::guard_mismatch(7, 0xa, 4), 0xb << 3 | 2, 7);
    expect_failure(LookupFailure::guard_mismatch(3, 1, 1), (0xa << 3 | 5) << 3 | 0 << 2 | 3, 10); // of the second node
    expect_failure(LookupFailure::guard_mismatch(3, 0xa, 4), 0, 3);                               // does not fit
}

TEST_F(LookupTest, FailsWhenANodeHasMoreBitsThanAreLeft) {
    expect_failure(LookupFailure::depth_mismatch(6, 7), 0xa << 2, 6);
    expect_failure(LookupFailure::depth_mismatch(2, 3), (0xa << 3 | 5) << 2 | 1 << 1, 9);
}

TEST_F(LookupTest, WalksSixtyFourNodesOfRadixOne) {
    alignas(32) static Slot chain[64][2];
    for (unsigned i = 0; i < 63; ++i) chain[i][1].update(CNodeCap{chain[i + 1], 1, 0, 0});
    auto const found = lookup_slot(CNodeCap{chain[0], 1, 0, 0}, ~u64{0}, 64);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->slot, &chain[63][1]);
    EXPECT_EQ(found->bits_left, 0u);
}

TEST(LookupFailure, ReportsAsManyWordsAsItsKindHas) {
    EXPECT_EQ(LookupFailure::invalid_root().detail_words(), 0u);
    EXPECT_EQ(LookupFailure::missing(9).detail_words(), 1u);
    EXPECT_EQ(LookupFailure::depth_mismatch(9, 8).detail_words(), 2u);
    EXPECT_EQ(LookupFailure::guard_mismatch(9, 8, 7).detail_words(), 3u);
    EXPECT_EQ(LookupFailure::guard_mismatch(9, 8, 7).detail(2), 7u);
}

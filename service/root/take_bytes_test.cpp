// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/take_bytes.hpp"

#include <map>
#include <optional>

namespace {
// So many pieces of each size, which are never split.
struct Pieces {
    std::map<unsigned, int> count;
    std::optional<unsigned> take(unsigned size_bits) {
        if (count[size_bits] == 0) return {};
        --count[size_bits];
        return size_bits;
    }
    void give_back(unsigned size_bits) { ++count[size_bits]; }
};
u64 total(auto const& pieces) {
    u64 bytes = 0;
    for (unsigned size_bits : pieces) bytes += u64{1} << size_bits;
    return bytes;
}
} // namespace

TEST(TakeBytes, TakesOnePieceForEachBitOfTheSize) {
    Pieces source{{{12, 5}, {13, 5}, {20, 5}, {21, 5}}};
    FixedVector<unsigned, 8> pieces;
    ASSERT_TRUE(take_bytes(source, 0x303000, pieces));
    EXPECT_EQ(std::vector(pieces.begin(), pieces.end()), (std::vector<unsigned>{21, 20, 13, 12}));
}

TEST(TakeBytes, UsesSmallerPiecesWhenNoLargeOneIsFree) {
    Pieces source{{{22, 1}, {21, 3}}};
    FixedVector<unsigned, 8> pieces;
    ASSERT_TRUE(take_bytes(source, 0xa00000, pieces));
    EXPECT_EQ(total(pieces), 0xa00000u);
}

TEST(TakeBytes, TakesNothingWhenItIsNotEnough) {
    Pieces source{{{12, 3}, {16, 1}}};
    FixedVector<unsigned, 4> pieces;
    EXPECT_FALSE(take_bytes(source, 0x20000, pieces));     // not so much memory
    EXPECT_FALSE(take_bytes(source, 0x13000, pieces, 16)); // not in pieces of this size
    EXPECT_FALSE(take_bytes(source, 0x800, pieces));       // less than a page
    EXPECT_TRUE(pieces.empty());
    EXPECT_EQ(source.count[12], 3);
    EXPECT_EQ(source.count[16], 1);
    FixedVector<unsigned, 2> few;
    EXPECT_FALSE(take_bytes(source, 0x13000, few));
    EXPECT_EQ(source.count[12], 3);
}

// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/piece_plan.hpp"

#include <map>
#include <random>

namespace {

// The kernel's rule (ABI 6.4): an object starts at the free marker rounded up to its size.
struct KernelPieces {
    std::map<u64, std::pair<u64, u64>> pieces; // slot -> {bytes, free marker}
    bool retype(PiecePlan::Place place, u64 count = 1) {
        auto& [bytes, marker] = pieces.at(place.slot);
        u64 const size = u64{1} << place.size_bits;
        u64 const start = (marker + size - 1) / size * size;
        if (start + count * size > bytes) return false;
        marker = start + count * size;
        return true;
    }
};

} // namespace

TEST(PiecePlan, FillsTheFullestPieceFirst) {
    PiecePlan plan;
    plan.add(1, 20);
    plan.add(2, 14);
    EXPECT_EQ(plan.place(12)->slot, 2u);
    EXPECT_EQ(plan.place(14)->slot, 1u);
    EXPECT_EQ(plan.place(12, 3)->slot, 2u);
    EXPECT_EQ(plan.place(4)->slot, 1u);
    EXPECT_FALSE(plan.place(20));
    EXPECT_FALSE(plan.place(40));
}

TEST(PiecePlan, LeftoverUsesEveryWholePage) {
    PiecePlan plan;
    plan.add(1, 16);
    plan.place(11);
    FixedVector<PiecePlan::Place, 24> places;
    plan.leftover(places);
    u64 bytes = 0;
    for (auto const& place : places) bytes += u64{1} << place.size_bits;
    EXPECT_EQ(bytes, 0xf000u);
}

TEST(PiecePlan, LeavesOutTheSmallestWhenThereAreTooMany) {
    PiecePlan plan;
    plan.add(1, 20);
    plan.place(12);
    FixedVector<PiecePlan::Place, 3> places;
    plan.leftover(places);
    ASSERT_EQ(places.size(), 3u);
    EXPECT_EQ(places[0].size_bits, 17);
    EXPECT_EQ(places[2].size_bits, 19);
}

TEST(PiecePlan, TheKernelAgreesWithEveryStep) {
    std::minstd_rand random(7);
    for (int round = 0; round < 200; ++round) {
        PiecePlan plan;
        KernelPieces kernel;
        for (u64 slot = 1; slot <= 1 + random() % 6; ++slot) {
            unsigned const bits = 12 + static_cast<unsigned>(random() % 12);
            plan.add(slot, bits);
            kernel.pieces[slot] = {u64{1} << bits, 0};
        }
        for (int object = 0; object < 50; ++object) {
            u64 const count = 1 + random() % 5;
            if (auto const place = plan.place(4 + static_cast<unsigned>(random() % 16), count)) {
                ASSERT_TRUE(kernel.retype(*place, count));
            }
        }
        FixedVector<PiecePlan::Place, 24> places;
        plan.leftover(places);
        for (auto const& place : places) ASSERT_TRUE(kernel.retype(place));
    }
}

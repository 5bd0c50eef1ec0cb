// SPDX-License-Identifier: Apache-2.0
#include "kernel/memory/guest_tag.hpp"

#include "base/gtest.hpp"

TEST(GuestTags, AGuestKeepsItsTagWithoutFlushing) {
    GuestTags tags;
    GuestTag one;
    EXPECT_FALSE(tags.renew(one, 16));
    u32 const asid = one.asid;
    EXPECT_FALSE(tags.renew(one, 16));
    EXPECT_EQ(one.asid, asid);
    EXPECT_NE(asid, 0u);
}

TEST(GuestTags, TwoGuestsNeverShareOne) {
    GuestTags tags;
    GuestTag one, other;
    tags.renew(one, 16);
    tags.renew(other, 16);
    EXPECT_NE(one.asid, other.asid);
}

TEST(GuestTags, AfterAnUnmapEveryGuestGetsAFreshOne) {
    GuestTags tags;
    GuestTag one, other;
    tags.renew(one, 16);
    tags.renew(other, 16);
    u32 const old_one = one.asid, old_other = other.asid;
    tags.retire_all();
    tags.renew(one, 16);
    tags.renew(other, 16);
    EXPECT_TRUE(one.asid != old_one && one.asid != old_other);
    EXPECT_TRUE(other.asid != old_one && other.asid != old_other);
}

TEST(GuestTags, ATagIsUsedAgainOnlyAfterAFlush) {
    GuestTags tags;
    GuestTag guests[3];
    bool used[4]{};
    for (int round = 0; round < 20; ++round) {
        tags.retire_all();
        for (GuestTag& guest : guests) {
            if (tags.renew(guest, 4)) {
                for (bool& u : used) u = false;
                tags.flushed();
            }
            ASSERT_TRUE(guest.asid >= 1 && guest.asid < 4);
            ASSERT_FALSE(used[guest.asid]) << "round " << round;
            used[guest.asid] = true;
        }
    }
}

// With more guests than tags, each entry of another guest may flush, but two live ones still never
// collide.
TEST(GuestTags, MoreGuestsThanTags) {
    GuestTags tags;
    GuestTag guests[5];
    GuestTag* holder[3]{};
    for (int round = 0; round < 30; ++round) {
        GuestTag& guest = guests[round * 7 % 5];
        u64 const before = guest.generation;
        if (tags.renew(guest, 3)) {
            holder[1] = holder[2] = nullptr;
            tags.flushed();
        }
        if (guest.generation != before) {
            ASSERT_EQ(holder[guest.asid], nullptr);
            holder[guest.asid] = &guest;
        } else {
            ASSERT_EQ(holder[guest.asid], &guest);
        }
    }
}

TEST(GuestTags, AFlushIsAskedForUntilItTookPlace) {
    GuestTags tags;
    GuestTag one, other;
    tags.renew(one, 2);
    EXPECT_TRUE(tags.renew(other, 2));
    EXPECT_TRUE(tags.renew(other, 2));
    tags.flushed();
    EXPECT_FALSE(tags.renew(other, 2));
}

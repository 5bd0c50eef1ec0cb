// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/translate/code_places.hpp"

#include "base/gtest.hpp"

namespace vmm::translate {
namespace {

constexpr u64 paging_on = 0x80010001, large_pages = 0x10, global_pages = 0x80;
constexpr u32 present = 1, user = 4, large = 0x80, global = 0x100;
constexpr u32 directory = 0x1000, other_directory = 0x2000, table = 0x3000;

struct World : x86::TableMemory {
    u64 read_entry(GuestPhys at, unsigned) override { return entries[at.value]; }
    void write_entry(GuestPhys, unsigned, u64) override {}
    void set(u32 at, u32 value) { entries[at] = value; }

    std::map<u64, u64> entries;
    std::vector<u32> gone;
    CodePlaces places{*this, [this](u32 page) { gone.push_back(page); }};
    x86::Paging paging{.cr0 = paging_on, .cr3 = directory, .cr4 = large_pages | global_pages};
};

TEST(CodePlaces, GlobalPagesOutliveALoadOfCr3) {
    World world;
    for (u32 root : {directory, other_directory}) world.set(root, table | present);
    world.set(table, 0x5000 | present | global);
    world.set(table + 4, 0x6000 | present);
    world.places.add(world.paging, 0, 5, false);
    world.places.add(world.paging, 1, 6, false);
    world.set(table, 0x8000 | present | global); // without a word
    world.set(table + 4, 0x9000 | present);
    world.paging.cr3 = other_directory;
    world.places.reload(world.paging);
    EXPECT_EQ(world.gone, std::vector<u32>{1});
    EXPECT_TRUE(world.places.knows(0));
    EXPECT_FALSE(world.places.knows(1));
    world.places.check_all(world.paging);
    EXPECT_EQ(world.gone, (std::vector<u32>{1, 0}));
}

TEST(CodePlaces, WhatIsWhereItWasStays) {
    World world;
    for (u32 root : {directory, other_directory}) world.set(root, 0x400000 | present | large);
    for (u32 page : {0u, 7u}) world.places.add(world.paging, page, 0x400 + page, false);
    world.paging.cr3 = other_directory;
    world.places.reload(world.paging);
    world.places.check_all(world.paging);
    EXPECT_TRUE(world.gone.empty());
    world.set(other_directory, 0x800000 | present | large);
    world.places.invalidate(world.paging, 0x3ff000); // one entry of the TLB for all of them
    EXPECT_EQ(world.gone, (std::vector<u32>{0, 7}));
}

TEST(CodePlaces, APageThatBecomesGlobalIsLookedAtLess) {
    World world;
    world.set(directory, table | present);
    world.set(table, 0x5000 | present);
    world.places.add(world.paging, 0, 5, false);
    world.set(table, 0x5000 | present | global);
    world.places.reload(world.paging);
    EXPECT_TRUE(world.places.knows(0));
    world.set(table, 0x6000 | present | global);
    world.places.reload(world.paging);
    EXPECT_TRUE(world.gone.empty());
    world.places.invalidate(world.paging, 0);
    EXPECT_EQ(world.gone, std::vector<u32>{0});
}

TEST(CodePlaces, UserCodeNeedsItsRight) {
    World world;
    world.set(directory, table | present | user);
    world.set(table, 0x5000 | present | user);
    world.places.add(world.paging, 0, 5, true);
    world.set(table, 0x5000 | present);
    world.places.invalidate(world.paging, 0);
    EXPECT_EQ(world.gone, std::vector<u32>{0});
}

TEST(CodePlaces, UserCodeNeedsItsRightAlsoWhereTheKernelWasFirstOrLast) {
    for (bool const first : {false, true}) {
        World world;
        world.set(directory, table | present | user);
        world.set(table, 0x5000 | present | user);
        world.places.add(world.paging, 0, 5, first);
        world.places.add(world.paging, 0, 5, !first);
        world.set(table, 0x5000 | present);
        world.places.invalidate(world.paging, 0);
        EXPECT_EQ(world.gone, std::vector<u32>{0});
    }
}

TEST(CodePlaces, WhatWasFetchedLastCounts) {
    for (u32 const bits : {present, present | global}) {
        World world;
        world.set(directory, table | present);
        world.set(table, 0x5000 | bits);
        world.places.add(world.paging, 0, 5, false);
        world.set(table, 0x6000 | present); // without a word
        world.places.add(world.paging, 0, 6, false);
        world.set(table, 0x5000 | bits);
        world.places.invalidate(world.paging, 0);
        EXPECT_EQ(world.gone, std::vector<u32>{0});
        EXPECT_FALSE(world.places.knows(0));
    }
}

TEST(CodePlaces, AreNotForAllPages) {
    World world;
    for (u32 root = directory; root < directory + 0x1000; root += 4)
        world.set(root, 0x400000 | present | large);
    u32 page = 0;
    while (!world.places.is_full() && page < 0x100000)
        world.places.add(world.paging, page++, 0, false);
    EXPECT_GT(page, 10'000u);
    EXPECT_LT(page, 100'000u);
    world.places.clear();
    EXPECT_FALSE(world.places.is_full());
}

} // namespace
} // namespace vmm::translate

// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/page_walk.hpp"

#include "base/gtest.hpp"
#include <map>

namespace x86 {
namespace {

constexpr u64 nx = u64{1} << 63;
constexpr u64 present = 1, write = 2, user = 4, accessed = 0x20, dirty = 0x40, large = 0x80,
              global = 0x100;
constexpr u64 protected_paging = 0x80010001; // PG, WP, PE
constexpr u64 pse = 0x10, pae = 0x20, pge = 0x80, smep = 1 << 20, smap = 1 << 21;
constexpr u64 long_mode = 0xd00; // NXE, LMA, LME
constexpr u64 no_execute = 0x800;

struct FakeTables : TableMemory {
    static constexpr u64 size = 0x100000; // RAM ends here
    u64 read_entry(GuestPhys at, unsigned bytes) override {
        ++reads;
        EXPECT_EQ(at.value % bytes, 0u);
        if (at.value >= size) return bytes == 4 ? 0xffffffff : ~u64{0};
        return entries[at.value];
    }
    void write_entry(GuestPhys at, unsigned, u64 value) override {
        if (at.value < size) entries[at.value] = value;
    }
    std::map<u64, u64> entries;
    unsigned reads = 0;
};

Paging four_level() {
    return {.cr0 = protected_paging,
            .cr3 = 0x1018,
            .cr4 = pae | pge,
            .efer = long_mode,
            .physical_bits = 40};
}
Paging two_level() {
    return {.cr0 = protected_paging, .cr3 = 0x1018, .cr4 = pse | pge, .physical_bits = 40};
}
Paging physical_extension(FakeTables& tables) {
    Paging paging{.cr0 = protected_paging,
                  .cr3 = 0x1020,
                  .cr4 = pae | pge,
                  .efer = no_execute,
                  .physical_bits = 40};
    paging.pdpte = load_pdptes(paging.cr3, 40, tables).value();
    return paging;
}

constexpr u64 base = 0xffffffff80000000;

struct LongTables : FakeTables {
    LongTables() {
        entries = {
            {0x1000 + 8 * 511, 0x2007},                    // PML4
            {0x2000 + 8 * 510, 0x3007},                    // PDPT
            {0x2000 + 8 * 1, 0x80000087},                  // 1 GiB page
            {0x3000 + 8 * 3, 0x4007},                      // directory
            {0x3000 + 8 * 4, 0x00600183 | nx},             // 2 MiB page, supervisor, global
            {0x3000 + 8 * 5, 0x200007},                    // table outside RAM
            {0x3000 + 8 * 6, 0xfec00007},                  // table in a device
            {0x3000 + 8 * 7, 0x1007},                      // loop: the PML4 as page table
            {0x4000 + 8 * 7, 0xfec00007 | u64{0x7} << 52}, // 4 KiB page, ignored bits set
            {0x4000 + 8 * 8, 0xfec00006},                  // not present
            {0x4000 + 8 * 9, 0x9001 | user},               // read only
        };
    }
};

TEST(PageWalk, FindsPagesOfAllThreeSizesOfFourLevels) {
    LongTables tables;
    auto const small = walk(four_level(), base + (3 << 21) + (7 << 12) + 0x10, tables);
    ASSERT_TRUE(small);
    EXPECT_EQ(small->address, GuestPhys{0xfec00010});
    EXPECT_EQ(small->page_bits, 12);
    EXPECT_EQ(small->count, 4);
    EXPECT_EQ(small->entries[0].at, GuestPhys{0x1ff8});
    EXPECT_EQ(small->entries[0].level, 4);
    EXPECT_EQ(small->entries[3].at, GuestPhys{0x4038});
    EXPECT_TRUE(small->user && small->writable && small->executable && !small->dirty);
    auto const middle = walk(four_level(), base + (4 << 21) + 0x12345, tables);
    ASSERT_TRUE(middle);
    EXPECT_EQ(middle->address, GuestPhys{0x612345});
    EXPECT_EQ(middle->page_bits, 21);
    EXPECT_TRUE(!middle->user && middle->writable && !middle->executable && middle->global);
    auto const huge = walk(four_level(), 0xffffff8040000000 + 0x3456789, tables);
    ASSERT_TRUE(huge);
    EXPECT_EQ(huge->address, GuestPhys{0x83456789});
    EXPECT_EQ(huge->page_bits, 30);
}

TEST(PageWalk, UnpagedAddressesAreThePhysicalOnes) {
    FakeTables tables;
    auto const found = walk({.cr0 = 1}, 0x1'1234'5678, tables);
    EXPECT_EQ(found->address, GuestPhys{0x12345678});
    EXPECT_TRUE(allows({.cr0 = 1}, *found, Access::write, false));
    EXPECT_EQ(tables.reads, 0u);
}

TEST(PageWalk, TwoLevelsHaveSmallAndFourMebibytePagesWithSixteenMoreAddressBits) {
    FakeTables tables;
    tables.entries = {{0x1000 + 4 * 3, 0x2007},
                      {0x2000 + 4 * 5, 0xabcde007},
                      {0x1000 + 4 * 4, 0x00c0e087},  // PSE-36: bits 39:32 are 7
                      {0x1000 + 4 * 5, 0x00e00087}}; // bit 21 is reserved
    EXPECT_EQ(walk(two_level(), (3 << 22) + (5 << 12) + 6, tables)->address, GuestPhys{0xabcde006});
    auto const big = walk(two_level(), (4 << 22) + 0x234567, tables);
    EXPECT_EQ(big->address, GuestPhys{0x7'00e34567});
    EXPECT_EQ(big->page_bits, 22);
    EXPECT_EQ(walk(two_level(), 5 << 22, tables).error().why, WalkFault::reserved_bit);
    Paging small = two_level();
    small.physical_bits = 34; // bits 18:15 are reserved then
    EXPECT_EQ(walk(small, 4 << 22, tables).error().why, WalkFault::reserved_bit);
    small.cr4 = 0; // without PSE the bit means nothing, and this is a table outside RAM
    EXPECT_EQ(walk(small, 4 << 22, tables)->address, GuestPhys{0xfffff000});
}

TEST(PageWalk, PaeReadsItsFirstLevelWhenCr3IsLoaded) {
    FakeTables tables;
    tables.entries = {{0x1020, 0x2001},
                      {0x1038, 0x3001},
                      {0x3000 + 8 * 2, 0x4000e7}, // 2 MiB
                      {0x2000 + 8 * 1, 0x5067},
                      {0x5000 + 8 * 1, 0x6067 | nx},
                      {0x5000 + 8 * 2, 0x6067 | u64{1} << 52}};
    Paging const paging = physical_extension(tables);
    tables.entries[0x1020] = 0;
    auto const found = walk(paging, 0x201234, tables);
    EXPECT_EQ(found->address, GuestPhys{0x6234});
    EXPECT_EQ(found->count, 2);
    EXPECT_FALSE(found->executable);
    EXPECT_EQ(walk(paging, 0xc0412345, tables)->address, GuestPhys{0x412345});
    EXPECT_EQ(walk(paging, 0x40000000, tables).error().why, WalkFault::not_present);
    EXPECT_EQ(walk(paging, 0x40000000, tables).error().walk.count, 0);
    EXPECT_EQ(walk(paging, 0x202000, tables).error().why, WalkFault::reserved_bit); // bits 62:40
    tables.entries[0x1028] = 0x2003; // bit 1 is reserved in a PDPTE
    EXPECT_FALSE(load_pdptes(paging.cr3, 40, tables));
}

struct Hostile {
    char const* what;
    u64 linear;
    u32 error_code; // of a write by the supervisor
};
class HostileTables : public testing::TestWithParam<Hostile> {};
TEST_P(HostileTables, GiveThePageFaultOfAProcessorAfterFourReadsAtMost) {
    LongTables tables;
    tables.entries[0x2000 + 8 * 509] = 0x7 | u64{1} << 40; // above MAXPHYADDR
    tables.entries[0x1000 + 8 * 510] = 0x2087;             // PS in a PML4 entry
    tables.entries[0x2000 + 8 * 2] = 0x80002087;           // 1 GiB page with bit 13
    tables.entries[0x3000 + 8 * 9] = 0x602087;             // 2 MiB page with bit 13
    auto const result = translate_linear(four_level(), GetParam().linear, Access::write, true, tables);
    ASSERT_FALSE(result) << GetParam().what;
    EXPECT_EQ(result.error().vector, 14);
    EXPECT_EQ(result.error().error_code, GetParam().error_code) << GetParam().what;
    EXPECT_EQ(result.error().address, GetParam().linear);
    EXPECT_LE(tables.reads, 4u);
}
INSTANTIATE_TEST_SUITE_P(All, HostileTables,
                         testing::Values(Hostile{"nothing", 0, 2},
                                         Hostile{"not present", base + (3 << 21) + (8 << 12), 2},
                                         Hostile{"table outside RAM", base + (5 << 21), 11},
                                         Hostile{"table in a device", base + (6 << 21), 11},
                                         Hostile{"address above MAXPHYADDR", 0xffffffff40000000,
                                                 11},
                                         Hostile{"PS in the PML4", 0xffffff0000000000, 11},
                                         Hostile{"1 GiB page", 0xffffff8080000000, 11},
                                         Hostile{"2 MiB page", base + (9 << 21), 11},
                                         Hostile{"read-only", base + (3 << 21) + (9 << 12), 3}));

TEST(PageWalk, ATableThatIsItsOwnParentEndsAtTheLastLevel) {
    LongTables tables;
    tables.entries[0x1000 + 8 * 4] = 0x1003;
    u64 const loop = (u64{4} << 39) | (u64{4} << 30) | (u64{4} << 21) | (u64{4} << 12);
    EXPECT_EQ(walk(four_level(), loop, tables)->address, GuestPhys{0x1000});
    EXPECT_EQ(tables.reads, 4u);
    EXPECT_EQ(walk(four_level(), base + (7 << 21) + (4 << 12), tables)->address, GuestPhys{0x1000});
}

TEST(PageWalk, WithoutNoExecuteItsBitIsReserved) {
    LongTables tables;
    Paging paging = four_level();
    paging.efer &= ~no_execute;
    EXPECT_EQ(walk(paging, base + (4 << 21), tables).error().why, WalkFault::reserved_bit);
}

struct Rights {
    u64 leaf; // bits of the page's entry
    Access access;
    bool supervisor;
    u64 cr0_off, cr4_on; // beside the usual
    bool alignment_check;
    int error_code; // -1: allowed
};
class PageRights : public testing::TestWithParam<Rights> {};
TEST_P(PageRights, AreThoseOfTheManual) {
    Rights const& r = GetParam();
    LongTables tables;
    tables.entries[0x4000] = 0x8000 | present | r.leaf;
    Paging paging = four_level();
    paging.cr0 &= ~r.cr0_off;
    paging.cr4 |= r.cr4_on;
    paging.alignment_check = r.alignment_check;
    auto const result = translate_linear(paging, base + (3 << 21), r.access, r.supervisor, tables);
    EXPECT_EQ(result ? -1 : static_cast<int>(*result.error().error_code), r.error_code);
}
constexpr u64 wp = 1 << 16;
constexpr auto rd = Access::read, wr = Access::write, ex = Access::execute;
INSTANTIATE_TEST_SUITE_P(
    All, PageRights,
    testing::Values(
        Rights{user | write, wr, false, 0, 0, false, -1}, Rights{write, rd, false, 0, 0, false, 5},
        Rights{write, wr, false, 0, 0, false, 7}, Rights{user, wr, false, 0, 0, false, 7},
        Rights{user, wr, false, wp, 0, false, 7}, // WP is about the supervisor
        Rights{user, wr, true, 0, 0, false, 3}, Rights{user, wr, true, wp, 0, false, -1},
        Rights{nx | user, ex, false, 0, 0, false, 0x15}, Rights{nx, ex, true, 0, 0, false, 0x11},
        Rights{nx | user, rd, false, 0, 0, false, -1}, Rights{user, ex, true, 0, 0, false, -1},
        Rights{user, ex, true, 0, smep, false, 0x11}, Rights{user, ex, false, 0, smep, false, -1},
        Rights{0, ex, true, 0, smep, false, -1}, Rights{user, rd, true, 0, smap, false, 1},
        Rights{user | write, wr, true, 0, smap, false, 3},
        Rights{user, rd, true, 0, smap, true, -1}, Rights{user, ex, true, 0, smap, false, -1},
        Rights{user, rd, false, 0, smap, false, -1}, Rights{user, wr, true, wp, smap, false, 3}));

TEST(PageWalk, TheFetchBitIsToldOnlyWhereFetchesAreSpecial) {
    FakeTables tables;
    Paging paging = two_level();
    EXPECT_EQ(translate_linear(paging, 0, Access::execute, false, tables).error().error_code, 4u);
    paging.cr4 |= smep;
    EXPECT_EQ(translate_linear(paging, 0, Access::execute, false, tables).error().error_code, 0x14u);
}

TEST(PageWalk, UseSetsAccessedBitsAndAWriteTheDirtyBitOfTheLeafOnly) {
    LongTables tables;
    u64 const linear = base + (3 << 21) + (7 << 12);
    ASSERT_TRUE(translate_linear(four_level(), linear, Access::read, true, tables));
    EXPECT_EQ(tables.entries[0x1ff8], 0x2007 | accessed);
    EXPECT_EQ(tables.entries[0x3018], 0x4007 | accessed);
    EXPECT_EQ(tables.entries[0x4038] & 0xfff, 7 | accessed);
    ASSERT_TRUE(translate_linear(four_level(), linear, Access::write, true, tables));
    EXPECT_EQ(tables.entries[0x3018], 0x4007 | accessed);
    EXPECT_EQ(tables.entries[0x4038] & 0xfff, 7 | accessed | dirty);
    auto const before = tables.entries;
    ASSERT_FALSE(
        translate_linear(four_level(), base + (3 << 21) + (9 << 12), Access::write, true, tables));
    EXPECT_EQ(tables.entries, before); // a refused access marks nothing
}

TEST(PageWalk, GlobalPagesNeedTheirControlBit) {
    LongTables tables;
    Paging paging = four_level();
    EXPECT_TRUE(walk(paging, base + (4 << 21), tables)->global);
    paging.cr4 &= ~pge;
    EXPECT_FALSE(walk(paging, base + (4 << 21), tables)->global);
}

} // namespace
} // namespace x86

// SPDX-License-Identifier: Apache-2.0
// Second-stage tables: ABI 7.11.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

#include "kernel/memory/nested.hpp"

namespace {

constexpr u64 pml4_span = u64{1} << 39;

struct NestedTables : testing::Test {
    NestedTables() {
        world.machine.guests.present = true;
        memory = world.untyped(24);
        root = world.retype(memory, ObjectType::ept_pml4);
        assign(root);
        pdpt = world.retype(memory, ObjectType::ept_pdpt);
        directory = world.retype(memory, ObjectType::ept_pd);
        table = world.retype(memory, ObjectType::ept_pt);
        small = world.retype(memory, ObjectType::small_page);
        large = world.retype(memory, ObjectType::large_page);
    }
    void assign(CPtr new_root) {
        EXPECT_EQ(
            world.invoke(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {new_root}),
            success);
    }
    Answer map(CPtr structure, u64 address) {
        CapType const type = world.cap(structure).type();
        Label const label = type == CapType::ept_pdpt ? Label::ept_pdpt_map
                            : type == CapType::ept_pd ? Label::ept_pd_map
                                                      : Label::ept_pt_map;
        return world.invoke(structure, label, {address, 0}, {root});
    }
    Answer map_page(CPtr frame, u64 address, u64 rights = 3, u64 attributes = 6) {
        return world.invoke(frame, Label::x86_page_map_ept, {address, rights, attributes}, {root});
    }
    void map_all() {
        EXPECT_EQ(map(pdpt, 0), success);
        EXPECT_EQ(map(directory, 0), success);
        EXPECT_EQ(map(table, 0), success);
    }
    u64 entry(u64 address, unsigned shift) {
        auto const found = find_entry(*world.get<EptPml4Cap>(root).table, address, shift);
        return found ? **found : ~u64{0};
    }
    // Does every guest take a new hardware ASID at its next entry?
    bool flushed() {
        bool const changed = world.kernel.guest_tags.renew(tag, 1000) || tag.asid != last_asid;
        last_asid = tag.asid;
        return changed;
    }

    TestKernel world;
    CPtr memory, root, pdpt, directory, table, small, large;
    GuestTag tag{};
    u32 last_asid{};
};

TEST_F(NestedTables, MissingLevelsAreNamedFromTheTop) {
    EXPECT_EQ(map_page(small, 0), missing(Which::destination, 39));
    EXPECT_EQ(map(directory, 0), missing(Which::destination, 39));
    EXPECT_EQ(map(pdpt, 0), success);
    EXPECT_EQ(map_page(small, 0), missing(Which::destination, 30));
    EXPECT_EQ(map(table, 0), missing(Which::destination, 30));
    EXPECT_EQ(map(directory, 0), success);
    EXPECT_EQ(map_page(small, 0), missing(Which::destination, 21));
    EXPECT_EQ(map(table, 0), success);
    EXPECT_EQ(map_page(small, 0), success);
}

TEST_F(NestedTables, EntriesAreUserAccessible) {
    map_all();
    EXPECT_EQ(map_page(small, 0x5000), success);
    u64 const base = world.get<FrameCap>(small).base.value;
    EXPECT_EQ(entry(0x5000, 12), base | 0x67);
    EXPECT_EQ(entry(0, 39) & 7, 7u);
    EXPECT_EQ(map_page(large, 0x200000, 2), success);
    EXPECT_EQ(entry(0x200000, 21), world.get<FrameCap>(large).base.value | 0xe5)
        << "read-only, 2 MiB";
}

TEST_F(NestedTables, AttributesAreMemoryTypes) {
    map_all();
    u64 const expected[] = {0x18, 0x80, 0, 0, 0x08, 0, 0, 0}; // UC WC - - WT WP WB -
    for (u64 attributes = 0; attributes < 8; ++attributes) {
        EXPECT_EQ(map_page(small, 0, 3, attributes), success);
        EXPECT_EQ(entry(0, 12) & 0x98, expected[attributes]) << attributes;
        EXPECT_EQ(world.invoke(small, Label::x86_page_unmap), success);
    }
    EXPECT_EQ(map_page(large, 0x200000, 3, 1), success);
    EXPECT_EQ(entry(0x200000, 21) & 0x1098, 0x1080u)
        << "the PAT bit of a large page stands elsewhere";
}

TEST_F(NestedTables, WithoutTheRightToReadThePageIsThereForNobody) {
    map_all();
    EXPECT_EQ(map_page(small, 0, 0), success);
    EXPECT_EQ(entry(0, 12), 0u) << "present for supervisors would be present for a guest's kernel without nested paging";
    EXPECT_EQ(map_page(small, 0x1000), invalid_capability(0)) << "mapped already";
    EXPECT_EQ(map_page(world.retype(memory, ObjectType::small_page), 0), success);
    EXPECT_EQ(world.invoke(small, Label::x86_page_unmap), success);
    EXPECT_NE(entry(0, 12), 0u) << "another's";
}

TEST_F(NestedTables, MappingIsChecked) {
    map_all();
    CPtr const other = world.retype(memory, ObjectType::ept_pdpt);
    EXPECT_EQ(map(other, 5), delete_first) << "rounded down";
    EXPECT_EQ(map(pdpt, pml4_span), invalid_capability(0)) << "mapped already";
    EXPECT_EQ(world.invoke(other, Label::ept_pdpt_map, {0}, {root}), truncated);
    EXPECT_EQ(world.invoke(other, Label::ept_pdpt_map, {0, 0}), truncated);
    EXPECT_EQ(world.invoke(other, Label::ept_pdpt_map, {0, 0}, {memory}), invalid_capability(1));
    EXPECT_EQ(world.invoke(other, Label::ept_pdpt_map, {0, 0}, {abi::initial_slot::vspace}),
              invalid_capability(1));
    EXPECT_EQ(world.invoke(other, Label::ept_pd_map, {0, 0}, {root}), illegal_operation);
    EXPECT_EQ(world.invoke(root, Label::ept_pdpt_map, {0, 0}, {root}), illegal_operation);
    EXPECT_EQ(map_page(small, 0), success);
    EXPECT_EQ(map_page(small, 0x1000), invalid_capability(0));
    CPtr const second = world.retype(memory, ObjectType::small_page);
    EXPECT_EQ(map_page(second, 0xfff), delete_first) << "rounded down; pages do not replace pages";
    EXPECT_EQ(map_page(large, 0x1000), alignment_error);
    EXPECT_EQ(map_page(large, 0), delete_first) << "a page table is there";
    EXPECT_EQ(world.invoke(second, Label::x86_page_map_ept, {0, 3}, {root}), truncated);
    EXPECT_EQ(world.invoke(second, Label::x86_page_map_ept, {0, 3, 6}), truncated);
    EXPECT_EQ(
        world.invoke(small, Label::x86_page_map, {0x400000, 3, 0}, {abi::initial_slot::vspace}),
        illegal_operation);
    CPtr const huge = world.put(FrameCap{
        {u64{1} << 30}, PageSize::huge, FrameRights::read_write, false, MappedIn::nothing, {}, 0});
    EXPECT_EQ(map_page(huge, u64{2} << 30), invalid_capability(0));
}

TEST_F(NestedTables, ARootNeedsItsAsid) {
    CPtr const fresh = world.retype(memory, ObjectType::ept_pml4);
    EXPECT_EQ(world.invoke(pdpt, Label::ept_pdpt_map, {0, 0}, {fresh}), invalid_capability(1));
    Asid const asid = world.get<EptPml4Cap>(root).asid;
    PageTable* const table_of_root = world.kernel.asids.root(asid);
    world.checking = false;
    world.kernel.asids.release(asid, table_of_root);
    EXPECT_EQ(map(pdpt, 0), invalid_root(Which::destination));
    assign(fresh);
    EXPECT_EQ(world.get<EptPml4Cap>(fresh).asid, asid);
    EXPECT_EQ(map(pdpt, 0), invalid_capability(1)) << "the ASID is another root's now";
}

TEST_F(NestedTables, UnmappingAPageFlushesGuests) {
    map_all();
    EXPECT_EQ(map_page(small, 0x3000), success);
    EXPECT_TRUE(flushed());
    EXPECT_FALSE(flushed());
    EXPECT_EQ(world.invoke(small, Label::x86_page_unmap), success);
    EXPECT_EQ(entry(0x3000, 12), 0u);
    EXPECT_TRUE(flushed());
    EXPECT_EQ(map_page(small, 0x4000), success);
    EXPECT_FALSE(flushed()) << "nothing is cached about what was not there";
    world.remove(small);
    EXPECT_EQ(entry(0x4000, 12), 0u);
    EXPECT_TRUE(flushed());
}

TEST_F(NestedTables, UnmappingATableTakesEverythingBelow) {
    map_all();
    EXPECT_EQ(map_page(small, 0x3000), success);
    flushed();
    CPtr const copied = world.copy(table);
    EXPECT_EQ(world.invoke(table, Label::ept_pt_unmap), revoke_first);
    world.remove(copied);
    EXPECT_EQ(world.invoke(table, Label::ept_pt_unmap), success);
    EXPECT_TRUE(flushed());
    EXPECT_EQ(entry(0, 21), 0u);
    EXPECT_EQ(world.get<EptPtCap>(table).table->entries[3], 0u) << "cleared";
    EXPECT_EQ(world.invoke(table, Label::ept_pt_unmap), success);
    EXPECT_FALSE(flushed());
    EXPECT_EQ(world.invoke(small, Label::x86_page_unmap), success);
    EXPECT_EQ(map(table, 0x200000), success);
}

TEST_F(NestedTables, DeletedTablesAndRootsLeaveNothingBehind) {
    map_all();
    flushed();
    world.remove(directory);
    EXPECT_EQ(entry(0, 30), 0u);
    EXPECT_TRUE(flushed());
    Asid const asid = world.get<EptPml4Cap>(root).asid;
    world.remove(root);
    EXPECT_EQ(world.kernel.asids.root(asid), nullptr);
    EXPECT_TRUE(flushed());
    world.remove(pdpt);
    world.remove(table);
}

TEST_F(NestedTables, TheSameFrameMayBeInBothWorlds) {
    map_all();
    CPtr const copied = world.copy(small);
    world.map_tables(0x400000);
    EXPECT_EQ(world.map_frame(copied, 0x400000), success);
    EXPECT_EQ(map_page(small, 0), success);
    EXPECT_EQ(world.invoke(copied, Label::x86_page_unmap), success);
    EXPECT_NE(entry(0, 12), 0u);
}

// Forgetting it as an address space's would leave it in the guests' part of the TLB.
TEST_F(NestedTables, AMappingThatOutlivedItsAddressSpaceIsNotLookedForInANestedRoot) {
    constexpr u64 address = 0x400000;
    CPtr const vspace = world.retype(memory, ObjectType::pml4);
    assign(vspace);
    Asid const asid = world.get<Pml4Cap>(vspace).asid;
    struct {
        ObjectType type, nested;
        Label map;
    } const levels[] = {
        {ObjectType::pdpt, ObjectType::ept_pdpt, Label::x86_pdpt_map},
        {ObjectType::page_directory, ObjectType::ept_pd, Label::x86_page_directory_map},
        {ObjectType::page_table, ObjectType::ept_pt, Label::x86_page_table_map}};
    for (auto const& level : levels)
        EXPECT_EQ(world.invoke(world.retype(memory, level.type), level.map, {address, 0}, {vspace}),
                  success);
    CPtr const copied = world.copy(small);
    EXPECT_EQ(world.invoke(copied, Label::x86_page_map, {address, 3, 0}, {vspace}), success);
    world.remove(vspace);

    root = world.retype(memory, ObjectType::ept_pml4);
    assign(root);
    EXPECT_EQ(world.get<EptPml4Cap>(root).asid, asid);
    for (auto const& level : levels)
        EXPECT_EQ(map(world.retype(memory, level.nested), address), success);
    EXPECT_EQ(map_page(small, address), success);
    EXPECT_EQ(world.invoke(copied, Label::x86_page_unmap), success);
    EXPECT_NE(entry(address, 12), 0u);
}

} // namespace

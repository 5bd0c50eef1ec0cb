// SPDX-License-Identifier: Apache-2.0
// Pages carved out of frames: abi/shadow_root.hpp.
#include "base/gtest.hpp"

#include "kernel/memory/nested.hpp"
#include "kernel/testing/test_kernel.hpp"

namespace {

using abi::initial_slot::cnode;

struct Carving : testing::Test {
    Carving() {
        memory = world.untyped(22);
        large = world.retype(memory, ObjectType::large_page);
    }
    Answer try_carve(CPtr frame, u64 offset, CPtr to) {
        return world.invoke(frame, Label::frame_carve, {offset, to, 64}, {cnode});
    }
    CPtr carve(CPtr frame, u64 offset) {
        CPtr const to = world.next_slot();
        EXPECT_EQ(try_carve(frame, offset, to), success);
        return to;
    }

    TestKernel world;
    CPtr memory, large;
};

TEST_F(Carving, GivesOnePageOfTheFrameWithItsRights) {
    FrameCap const whole = world.get<FrameCap>(large);
    FrameCap const page = world.get<FrameCap>(carve(large, 0x1ff000));
    EXPECT_EQ(page.base, whole.base + 0x1ff000);
    EXPECT_EQ(page.size, PageSize::small);
    EXPECT_EQ(page.rights, FrameRights::read_write);
    EXPECT_EQ(page.mapped_in, MappedIn::nothing);
    EXPECT_FALSE(page.device);

    CPtr const read_only = world.copy(large, abi::right::read);
    EXPECT_EQ(world.get<FrameCap>(carve(read_only, 0)).rights, FrameRights::read_only);
    CPtr const registers = world.retype(world.untyped(21, true), ObjectType::large_page);
    EXPECT_TRUE(world.get<FrameCap>(carve(registers, 0x3000)).device);
    CPtr const huge = world.retype(world.untyped(30, true), ObjectType::huge_page);
    EXPECT_EQ(world.get<FrameCap>(carve(huge, 0x3ffff000)).base, world.get<FrameCap>(huge).base + 0x3ffff000);
}

TEST_F(Carving, IsCheckedInThisOrder) {
    CPtr const to = world.next_slot();
    EXPECT_EQ(world.invoke(large, Label::frame_carve, {1, large}, {cnode}), truncated);
    EXPECT_EQ(world.invoke(large, Label::frame_carve, {1, large, 64}), truncated);
    EXPECT_EQ(try_carve(large, 0x200001, large), alignment_error);
    EXPECT_EQ(try_carve(large, 0x200000, large), range_error(0, 0x1ff000));
    EXPECT_EQ(try_carve(large, ~u64{0xfff}, large), range_error(0, 0x1ff000));
    EXPECT_EQ(world.invoke(large, Label::frame_carve, {0, to, 64}, {large}), invalid_root(Which::destination));
    EXPECT_EQ(world.invoke(large, Label::frame_carve, {0, to, 65}, {cnode}), range_error(1, 64));
    EXPECT_EQ(try_carve(large, 0, large), delete_first);
    EXPECT_EQ(try_carve(memory, 0, to), illegal_operation);
    EXPECT_TRUE(world.empty(to));
}

TEST_F(Carving, ACarvedPageCanBeCarvedAgainOnlyAsItself) {
    CPtr const page = carve(large, 0x5000);
    EXPECT_EQ(world.get<FrameCap>(carve(page, 0)).base, world.get<FrameCap>(page).base);
    EXPECT_EQ(try_carve(page, 0x1000, world.next_slot()), range_error(0, 0));
}

TEST_F(Carving, EveryPageIsAChildOfTheFrameAndOfNoOtherPage) {
    CPtr const page = carve(large, 0x5000);
    CPtr const other = carve(large, 0x6000);
    CPtr const same = carve(large, 0x5000);
    CPtr const again = carve(page, 0);
    world.revoke(same);
    world.revoke(page);
    EXPECT_FALSE(world.empty(page) || world.empty(other) || world.empty(same) || world.empty(again));
    world.revoke(large);
    EXPECT_FALSE(world.empty(large));
    EXPECT_TRUE(world.empty(page) && world.empty(other) && world.empty(same) && world.empty(again));
}

TEST_F(Carving, OfACopyIsAChildOfTheOriginal) {
    CPtr const copied = world.copy(large);
    CPtr const page = carve(copied, 0x5000);
    world.revoke(copied);
    EXPECT_FALSE(world.empty(page));
    world.remove(copied);
    EXPECT_FALSE(world.empty(page));
    world.revoke(large);
    EXPECT_TRUE(world.empty(page));
}

TEST_F(Carving, TheUntypedIsNotFreeWhileAPageIsLeft) {
    CPtr const page = carve(large, 0x5000);
    CPtr const to = world.next_slot();
    world.remove(large);
    EXPECT_EQ(world.try_retype(memory, ObjectType::untyped, 22, to), not_enough_memory(u64{1} << 21)) << "the page is still somebody's";
    EXPECT_EQ(world.try_retype(memory, ObjectType::large_page, 0, to), success);
    EXPECT_EQ(world.get<FrameCap>(to).base, world.get<UntypedCap>(memory).base + (u64{1} << 21));
    world.remove(to);
    world.revoke(memory);
    EXPECT_TRUE(world.empty(page));
    EXPECT_EQ(world.try_retype(memory, ObjectType::untyped, 22, to), success);
}

TEST_F(Carving, EveryCapabilityHasItsOwnMapping) {
    world.machine.guests.present = true;
    CPtr const tables = world.untyped(20);
    CPtr const root = world.retype(tables, ObjectType::ept_pml4);
    EXPECT_EQ(world.invoke(abi::initial_slot::asid_pool, Label::x86_asid_pool_assign, {}, {root}), success);
    EXPECT_EQ(world.invoke(world.retype(tables, ObjectType::ept_pdpt), Label::ept_pdpt_map, {0, 0}, {root}), success);
    EXPECT_EQ(world.invoke(world.retype(tables, ObjectType::ept_pd), Label::ept_pd_map, {0, 0}, {root}), success);
    EXPECT_EQ(world.invoke(world.retype(tables, ObjectType::ept_pt), Label::ept_pt_map, {0, 0}, {root}), success);
    CPtr const page = carve(large, 0x5000);
    auto const map = [&](CPtr frame, u64 address) { return world.invoke(frame, Label::x86_page_map_ept, {address, 3, 6}, {root}); };
    auto const entry = [&](u64 address, unsigned shift) { return **find_entry(*world.get<EptPml4Cap>(root).table, address, shift); };
    EXPECT_EQ(map(page, 0x9000), success);
    EXPECT_EQ(map(large, 0x200000), success);
    CPtr const same = carve(page, 0);
    EXPECT_EQ(world.get<FrameCap>(same).mapped_in, MappedIn::nothing);
    EXPECT_EQ(map(same, 0xa000), success);
    EXPECT_EQ(entry(0x9000, 12), world.get<FrameCap>(page).base.value | 0x67);
    world.remove(page);
    EXPECT_EQ(entry(0x9000, 12), 0u);
    EXPECT_NE(entry(0xa000, 12), 0u);
    EXPECT_NE(entry(0x200000, 21), 0u);
    world.revoke(large);
    EXPECT_EQ(entry(0xa000, 12), 0u);
    EXPECT_NE(entry(0x200000, 21), 0u);
}

} // namespace

// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include <array>
#include <random>
#include <vector>

#include "user/address_allocator.hpp"
#include "user/fake_kernel.hpp"
#include "user/ipc.hpp"
#include "user/mapping.hpp"

namespace user {
namespace {

class World : public testing::Test {
protected:
    static constexpr CPtr untyped_slot = 50;
    static constexpr u64 first_slot = 100, end_slot = 1100;

    World() {
        kernel.add_untyped(untyped_slot, 20);
        memory.add_records(records);
        EXPECT_TRUE(memory.add({untyped_slot}, 20));
    }
    u64 used_slots() const { return end_slot - first_slot - slots.free(); }

    test::FakeKernel kernel;
    std::array<u64, SlotAllocator::words_for(end_slot - first_slot)> bitmap;
    std::array<UntypedPiece, 600> records;
    SlotAllocator slots{first_slot, end_slot, bitmap};
    UntypedAllocator memory{test::FakeKernel::cnode, slots};
    ObjectAllocator objects{test::FakeKernel::cnode, slots, memory};
};

TEST(SlotAllocator, GivesEverySlotOnceAndThenSaysSo) {
    std::array<u64, 3> bitmap;
    SlotAllocator slots(10, 140, bitmap);
    std::set<CPtr> seen;
    for (int i = 0; i < 130; ++i) EXPECT_TRUE(seen.insert(slots.take().value()).second);
    EXPECT_EQ(*seen.begin(), 10u);
    EXPECT_EQ(*seen.rbegin(), 139u);
    EXPECT_EQ(slots.take().error().shortage, Shortage::slots);
    slots.give_back(77);
    EXPECT_EQ(slots.take().value(), 77u);
}

TEST(SlotAllocator, FindsARangeBetweenTakenSlots) {
    std::array<u64, 4> bitmap;
    SlotAllocator slots(0, 200, bitmap);
    EXPECT_EQ(slots.take_range(200).value(), 0u);
    slots.give_back_range(63, 5);
    slots.give_back_range(150, 20);
    EXPECT_EQ(slots.take_range(16).value(), 150u);
    EXPECT_EQ(slots.take_range(5).value(), 63u);
    EXPECT_FALSE(slots.take_range(5));
    EXPECT_EQ(slots.free(), 4u);
}

TEST(SlotAllocator, AlignsARange) {
    std::array<u64, 4> bitmap;
    SlotAllocator slots(10, 200, bitmap);
    EXPECT_EQ(slots.take_range(16, 16).value(), 16u);
    EXPECT_EQ(slots.take().value(), 10u); // single slots stay together
    EXPECT_EQ(slots.take_range(16, 16).value(), 32u);
}

TEST(SlotAllocator, IgnoresSlotsThatAreNotItsOwn) {
    std::array<u64, 1> bitmap;
    SlotAllocator slots(10, 20, bitmap);
    slots.give_back(5);
    slots.give_back(25);
    slots.give_back(12); // free already
    EXPECT_EQ(slots.free(), 10u);
}

TEST_F(World, EverythingComesBackWhenAllPiecesAreGivenBack) {
    std::vector<UntypedPiece*> pieces;
    while (auto piece = memory.take(12)) pieces.push_back(*piece);
    EXPECT_EQ(pieces.size(), 256u);
    EXPECT_EQ(memory.free_bytes(), 0u);
    for (UntypedPiece* piece : pieces) memory.give_back(piece);
    EXPECT_EQ(memory.free_bytes(), u64{1} << 20);
    EXPECT_TRUE(memory.take(20)); // which merges everything
    EXPECT_EQ(used_slots(), 0u);
    EXPECT_EQ(memory.unused_records(), 599u);
    EXPECT_EQ(kernel.occupied_slots(), 1u);
}

TEST_F(World, RandomTakesAndGivesNeverLeak) {
    std::mt19937 random(1);
    std::vector<UntypedPiece*> pieces;
    for (int i = 0; i < 5000; ++i) {
        if (random() % 2 == 0 || pieces.empty()) {
            if (auto piece = memory.take(static_cast<unsigned>(5 + random() % 12)))
                pieces.push_back(*piece);
        } else {
            std::swap(pieces[random() % pieces.size()], pieces.back());
            memory.give_back(pieces.back());
            pieces.pop_back();
        }
        u64 taken = 0;
        for (UntypedPiece* piece : pieces) taken += u64{1} << piece->size_bits();
        ASSERT_EQ(taken + memory.free_bytes(), u64{1} << 20);
    }
    for (UntypedPiece* piece : pieces) memory.give_back(piece);
    EXPECT_TRUE(memory.take(20));
    EXPECT_EQ(used_slots(), 0u);
}

TEST_F(World, AFailedSplitLeavesNothingBehind) {
    for (unsigned failing = 0; failing < 8; ++failing) {
        kernel.fail_after(failing);
        EXPECT_FALSE(memory.take(16)) << failing; // needs 8 Retypes
        kernel.fail_after(~0u);
        EXPECT_EQ(memory.free_bytes(), u64{1} << 20);
        auto const all = memory.take(20);
        ASSERT_TRUE(all) << failing;
        memory.give_back(*all);
        EXPECT_EQ(kernel.occupied_slots() - 1, used_slots());
    }
}

TEST_F(World, RunningOutOfRecordsIsAnErrorOfItsOwn) {
    UntypedAllocator small(test::FakeKernel::cnode, slots);
    std::array<UntypedPiece, 4> few;
    small.add_records(few);
    kernel.add_untyped(51, 20);
    ASSERT_TRUE(small.add({51}, 20));
    EXPECT_EQ(small.take(12).error().shortage, Shortage::bookkeeping);
    EXPECT_TRUE(small.take(19));
}

TEST_F(World, AHandleDeletesItsObject) {
    {
        auto endpoint = objects.make<Endpoint>().value();
        EXPECT_TRUE(kernel.occupied(endpoint.cptr()));
        Handle<Endpoint> other = std::move(endpoint);
        EXPECT_FALSE(endpoint);
        EXPECT_TRUE(kernel.occupied(other.cptr()));
    }
    EXPECT_TRUE(memory.take(20));
    EXPECT_EQ(kernel.occupied_slots(), 1u);
    EXPECT_EQ(used_slots(), 0u);
}

TEST_F(World, MappingMakesThePagingStructuresThatAreMissing) {
    auto const frame = objects.make<Frame>().value(), next = objects.make<Frame>().value();
    u64 const before = used_slots();
    ASSERT_TRUE(map(objects, VSpace{3}, frame.object(), {0x200000000000}, abi::right::all));
    EXPECT_TRUE(kernel.mapped(0x200000000000));
    EXPECT_GE(used_slots(), before + 3);
    u64 const with_tables = used_slots();
    ASSERT_TRUE(map(objects, VSpace{3}, next.object(), {0x200000001000}, abi::right::all));
    EXPECT_EQ(used_slots(), with_tables);
}

TEST(AddressAllocator, MergesWhatComesBack) {
    AddressAllocator addresses(0x1000, 0x101000);
    u64 const a = addresses.take(0x3000).value(), b = addresses.take(1).value(),
              c = addresses.take(0x4000).value();
    EXPECT_EQ(a, 0x1000u);
    EXPECT_EQ(b, 0x4000u);
    EXPECT_EQ(c, 0x5000u);
    EXPECT_TRUE(addresses.give_back(a, 0x3000));
    EXPECT_TRUE(addresses.give_back(c, 0x4000));
    EXPECT_TRUE(addresses.give_back(b, 0x1000));
    EXPECT_EQ(addresses.take(0x100000).value(), 0x1000u);
}

TEST(AddressAllocator, AlignsAndTakesAt) {
    AddressAllocator addresses(0x1000, 0x1000000);
    EXPECT_EQ(addresses.take(0x1000, 21).value(), 0x200000u);
    EXPECT_FALSE(addresses.take_at(0x200000, 0x1000));
    EXPECT_TRUE(addresses.take_at(0x400000, 0x2000));
    EXPECT_FALSE(addresses.take_at(0x401000, 0x2000));
    EXPECT_FALSE(addresses.take_at(0x400800, 0x1000));
    EXPECT_EQ(addresses.free_bytes(), 0x1000000u - 0x1000u - 0x3000u);
    EXPECT_FALSE(addresses.take(0x2000000));
}

TEST(Error, SaysWhatIsWrong) {
    Error const range{.code = abi::Error::range_error, .details = {1, 256}, .shortage = {}};
    EXPECT_STREQ(range.text().c_str(), "RangeError: allowed is 1 to 256");
    EXPECT_STREQ(Error::out_of(Shortage::slots).text().c_str(), "no free capability slot left");
}

TEST(Text, CutsWhatDoesNotFit) {
    Text<8> text;
    text.add("12345678");
    EXPECT_STREQ(text.c_str(), "1234...");
    EXPECT_STREQ(Text<32>().hexadecimal(0).add(' ').hexadecimal(0xdeadbeef12).c_str(),
                 "0x0 0xdeadbeef12");
    EXPECT_STREQ(Text<32>().decimal(18446744073709551615u).c_str(), "18446744073709551615");
}

} // namespace
} // namespace user

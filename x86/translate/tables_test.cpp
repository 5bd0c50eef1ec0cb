// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/tables.hpp"

#include <cstring>

#include "base/gtest.hpp"

namespace x86::translate {
namespace {

constexpr u64 find = 0xf1, missing = 0x3155;

struct TablesTest : testing::Test {
    u64 straight(u32 eip) const {
        u64 address;
        std::memcpy(&address, memory.data() + sizeof address * (eip & 0xff), sizeof address);
        return address;
    }
    // As the shared code does.
    u64 search(u32 eip) const {
        auto const* const sets =
            reinterpret_cast<Tables::Entry const*>(memory.data() + shape.index_bytes());
        auto const* const set =
            sets + Tables::ways * (eip * Tables::hash_factor >> (32 - shape.set_bits));
        for (unsigned way = 0; way < Tables::ways; ++way)
            if (set[way].eip == eip) return set[way].address;
        return missing;
    }
    Tables::Shape shape = Tables::shape_for(64 << 10);
    std::vector<u8> memory = std::vector<u8>(shape.bytes());
    Tables tables{memory, shape, find, missing};
};

TEST_F(TablesTest, AreEmptyAtFirst) {
    EXPECT_EQ(straight(0), find);
    EXPECT_EQ(search(0), missing);
}

TEST_F(TablesTest, TheFirstComerHasThePlaceAndTheOtherIsFoundBySearch) {
    tables.add(0x1010, 1);
    tables.add(0x2010, 2);
    EXPECT_EQ(straight(0x2010), 1u);
    EXPECT_EQ(search(0x1010), 1u);
    EXPECT_EQ(search(0x2010), 2u);
    tables.set(0x2010, 2);
    EXPECT_EQ(straight(0x2010), 2u);
    EXPECT_EQ(search(0x1010), 1u);
}

TEST_F(TablesTest, WhatIsRemovedIsNotFound) {
    tables.set(0x1010, 1);
    tables.set(0x2010, 2);
    tables.remove(0x2010, 2);
    EXPECT_EQ(straight(0x2010), find);
    EXPECT_EQ(search(0x2010), missing);
    tables.remove(0x1010, 1);
    EXPECT_EQ(search(0x1010), missing);
}

TEST_F(TablesTest, SettingTheSameAgainAndAgainLosesNothing) {
    tables.set(0x1010, 1);
    for (unsigned i = 0; i < 10'000; ++i) tables.set(0x2020, 2);
    EXPECT_EQ(straight(0x1010), 1u);
    EXPECT_EQ(search(0x1010), 1u);
}

TEST_F(TablesTest, ClearLeavesNothing) {
    for (u32 eip = 0; eip < 5000; eip += 7) tables.set(eip, eip + 1);
    tables.clear();
    for (u32 eip = 0; eip < 5000; ++eip) {
        ASSERT_EQ(straight(eip), find);
        ASSERT_EQ(search(eip), missing);
    }
}

} // namespace
} // namespace x86::translate

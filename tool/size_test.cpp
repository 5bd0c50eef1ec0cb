// SPDX-License-Identifier: Apache-2.0
#include "tool/size.hpp"

#include <gtest/gtest.h>

TEST(Size, UnitsArePowersOf1024) {
    EXPECT_EQ(parse_size("4096"), 4096);
    EXPECT_EQ(parse_size("4K"), 4096);
    EXPECT_EQ(parse_size("64M"), u64{64} << 20);
    EXPECT_EQ(parse_size("3G"), u64{3} << 30);
}

TEST(Size, WhatIsNoSizeIsRefused) {
    for (auto const* text : {"", "M", "4m", "4 M", "-4", "0x10", "4MB", "99999999999G", "99999999999999999999999"}) {
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
    }
}

TEST(Size, TextUsesTheLargestUnitThatDivides) {
    EXPECT_EQ(size_text(u64{1} << 30), "1G");
    EXPECT_EQ(size_text(u64{1536} << 20), "1536M");
    EXPECT_EQ(size_text(12 << 10), "12K");
    EXPECT_EQ(size_text(1000), "1000");
    EXPECT_EQ(size_text(0), "0");
}

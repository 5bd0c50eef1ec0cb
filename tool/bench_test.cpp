// SPDX-License-Identifier: Apache-2.0
#include "tool/bench.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

TEST(Bench, TheMedianIsTheMiddleOne) {
    EXPECT_EQ(median({3}), 3);
    EXPECT_EQ(median({9, 1, 2}), 2);
    EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
}

TEST(Bench, RowsAsJsonHaveEveryKeyAndARatioWhereThereIsAPeer) {
    auto const list = nlohmann::json::parse(rows_as_json({{"a", 3, "s", "other", 2}, {"b", 7, "lines", "", 0}}));
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0]["ratio"], 1.5);
    EXPECT_EQ(list[0]["peer"], "other");
    EXPECT_EQ(list[1]["value"], 7);
    EXPECT_TRUE(list[1]["peer"].is_null() && list[1]["peer_value"].is_null() && list[1]["ratio"].is_null());
}

TEST(Bench, ExitsAreReadFromTheLastReportOfTheVm) {
    auto const exits = parse_exits("linux: exits: 1 old\nother: exits: 5 cpuid\nlinux: exits: 12 cpuid, 3 interrupt windows\nmore\n", "linux");
    ASSERT_EQ(exits.size(), 2U);
    EXPECT_EQ(exits[0], (std::pair<std::string, double>("cpuid", 12)));
    EXPECT_EQ(exits[1], (std::pair<std::string, double>("interrupt windows", 3)));
    EXPECT_TRUE(parse_exits("nothing", "linux").empty());
}

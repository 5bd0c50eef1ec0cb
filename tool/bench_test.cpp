// SPDX-License-Identifier: Apache-2.0
#include "tool/bench.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tool/guest_run.hpp"

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

TEST(Bench, ReportsAreFoundByTheVmsName) {
    auto const reports = guest_reports("other: {\"seconds\": 1.0, \"exits\": {}}\r\n"
                                       "linux: {\"seconds\": 4.321, \"mark\": null, \"exits\": {\"total\": 15, \"interrupt windows\": 12}, \"patches\": 3}\r\n"
                                       "linux: {\"seconds\": broken\nlinux: stopped\n"
                                       "linux: {\"seconds\": 5, \"mark\": 7, \"exits\": {\"total\": 16}}\n",
                                       "linux");
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_EQ(reports[0].seconds, 4.321);
    EXPECT_EQ(reports[0].mark, std::nullopt);
    EXPECT_EQ(reports[0].exits.at("interrupt windows"), 12);
    EXPECT_EQ(reports[0].figures.at("patches"), 3);
    EXPECT_EQ(reports[1].mark, 7U);
}

TEST(Bench, RowsAreReadFromTheConsoleWithAndWithoutAName) {
    auto const rows = parse_rows("Tessera\nbench yield 843 instructions\nupcall| bench upcall.getppid 642 instructions yield 436\nbench: done\n");
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].name, "yield");
    EXPECT_EQ(rows[0].value, 843);
    EXPECT_TRUE(rows[0].peer.empty());
    EXPECT_EQ(rows[1].name, "upcall.getppid");
    EXPECT_EQ(rows[1].peer, "yield");
    EXPECT_EQ(rows[1].peer_value, 436);
}

TEST(Bench, RowsStandBesideWhatWasRecorded) {
    auto const rows = beside_recorded({{"b", 400, "instructions", "", 0}, {"a", 50, "instructions", "", 0}}, {{"a", 100}, {"b", 200}});
    ASSERT_TRUE(rows);
    ASSERT_EQ(rows->size(), 2U);
    EXPECT_EQ((*rows)[0].name, "a");
    EXPECT_EQ((*rows)[0].value, 50);
    EXPECT_EQ((*rows)[0].peer_value, 100);
    EXPECT_EQ((*rows)[1].peer, "original");
    auto const summary = summary_of(*rows, "x.");
    ASSERT_EQ(summary.size(), 2U);
    EXPECT_EQ(summary[0].name, "x.lines_above_original");
    EXPECT_EQ(summary[0].value, 1);
    EXPECT_EQ(summary[1].name, "x.geometric_mean");
    EXPECT_DOUBLE_EQ(summary[1].value, 1);
}

TEST(Bench, TheSameNamesMustBeMeasuredAsRecorded) {
    auto const missing = beside_recorded({{"a", 1, "instructions", "", 0}}, {{"a", 1}, {"b", 1}});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().text(), "bench: b: was recorded but not measured; measure it too");
    auto const unknown = beside_recorded({{"a", 1, "instructions", "", 0}, {"c", 1, "instructions", "", 0}}, {{"a", 1}});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().text(), "bench: c: was measured but not recorded; name it as in original.csv");
}

TEST(Bench, RowsAbovePeersAreNamed) {
    EXPECT_EQ(above_peers({{"a", 2, "s", "other", 2}, {"b", 3, "s", "other", 2}, {"c", 9, "s", "", 0}}), std::vector<std::string>{"b"});
}

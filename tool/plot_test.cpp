// SPDX-License-Identifier: Apache-2.0
#include "tool/plot.hpp"

#include <gtest/gtest.h>

namespace {

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

} // namespace

TEST(Plot, ALogarithmicOneHasItsDecadesAndItsPointsBetweenThem) {
    auto const svg = svg_of(Plot{.title = "t", .x_label = "size", .y_label = "cost", .lines = {{.name = "ours", .color = 0, .dashed = false, .points = {{1, 100}, {10, 1000}, {100, 10000}}}}});
    EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    EXPECT_TRUE(has(svg, ">10,000</text>"));
    EXPECT_FALSE(has(svg, ">100,000</text>"));
    EXPECT_TRUE(has(svg, R"(d="M100.0 384.0L338.0 224.0L576.0 64.0")")); // corner, centre, corner
    EXPECT_TRUE(has(svg, ">ours</text>"));
}

TEST(Plot, ALinearOneStartsAtZero) {
    auto const svg = svg_of(Plot{.title = "t", .x_label = "", .y_label = "", .scale = Plot::Scale::linear, .lines = {{.name = "", .color = 1, .dashed = true, .points = {{2, 200}, {4, 400}}}}});
    EXPECT_TRUE(has(svg, R"(d="M338.0 224.0L576.0 64.0")"));
    EXPECT_TRUE(has(svg, "stroke-dasharray"));
}

TEST(Plot, EachGroupOfBarsHasItsOwnScale) {
    auto const svg = svg_of(BarChart{.title = "t", .y_label = "exits", .groups = {{"a", {1, 2}}, {"b", {50, 100}}}, .series = {"x", "y"}});
    auto const first = svg.find("height=\"290.0\"");
    ASSERT_NE(first, std::string::npos);
    EXPECT_NE(svg.find("height=\"290.0\"", first + 1), std::string::npos);
    EXPECT_TRUE(has(svg, ">100</text>") && has(svg, ">x</text>"));
}

TEST(Plot, TextIsEscaped) {
    auto const svg = svg_of(Plot{.title = "a<b & c", .x_label = "", .y_label = "", .lines = {{.name = "", .color = 0, .dashed = false, .points = {{1, 1}}}}});
    EXPECT_TRUE(has(svg, "a&lt;b &amp; c"));
}

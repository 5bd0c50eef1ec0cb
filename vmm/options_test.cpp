// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "vmm/options.hpp"

#include <vector>

namespace vmm {
namespace {

std::expected<Options, std::string> parse(std::vector<char const*> arguments) {
    return parse_options(arguments);
}

TEST(Options, NameAndCommandLineAreEnough) {
    auto const options = parse({"linux", "console=ttyS0 quiet"});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->name, "linux");
    EXPECT_EQ(options->command_line, "console=ttyS0 quiet");
    EXPECT_EQ(options->report_at, "");
}

TEST(Options, ATextToReportAtMayFollow) {
    EXPECT_EQ(parse({"linux", "", "--report-at", "ready"})->report_at, "ready");
}

TEST(Options, WhatIsMissingOrUnknownIsNamed) {
    EXPECT_EQ(parse({"linux"}).error(), "usage: NAME COMMAND_LINE [--report-at TEXT]");
    EXPECT_EQ(parse({"linux", "", "--memory", "4"}).error(),
              "argument \"--memory\" is unknown or lacks its text");
    EXPECT_EQ(parse({"linux", "", "--report-at"}).error(),
              "argument \"--report-at\" is unknown or lacks its text");
}

} // namespace
} // namespace vmm

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
    EXPECT_FALSE(parse({"linux", "", "--report-at", "ready"})->json);
    EXPECT_TRUE(parse({"linux", "", "--json"})->json);
}

TEST(Options, EnginesHaveOptionsOfTheirOwn) {
    auto const shadow = parse({"linux", "", "--engine", "shadow", "--shadow", "fill", "--shadow-memory", "1048576"});
    ASSERT_TRUE(shadow);
    EXPECT_EQ(shadow->engine, EngineKind::shadow);
    EXPECT_EQ(shadow->shadow, shadow::Policy::fill);
    EXPECT_EQ(shadow->shadow_memory, 1048576u);
    auto const trap = parse({"linux", "", "--no-patch", "--engine", "trap"});
    ASSERT_TRUE(trap);
    EXPECT_EQ(trap->engine, EngineKind::trap);
    EXPECT_FALSE(trap->patch);
    EXPECT_TRUE(shadow->patch);
    auto const translate = parse({"linux", "", "--engine", "translate", "--code-cache", "4194304"});
    ASSERT_TRUE(translate);
    EXPECT_EQ(translate->engine, EngineKind::translate);
    EXPECT_EQ(translate->code_cache, 4194304u);
}

TEST(Options, WhatIsMissingOrUnknownIsNamed) {
    EXPECT_EQ(parse({"linux"}).error(), "usage: NAME COMMAND_LINE [--report-at TEXT] ...");
    for (auto const& [name, value] : {std::pair{"--memory", "4"}, {"--engine", "magic"}, {"--shadow", "often"}, {"--shadow-memory", "8M"}, {"--code-cache", ""}})
        EXPECT_EQ(parse({"linux", "", name, value}).error(),
                  std::string("argument \"") + name + "\" is unknown or its value is not one it takes");
    EXPECT_EQ(parse({"linux", "", "--report-at"}).error(),
              "argument \"--report-at\" is unknown or its value is not one it takes");
}

} // namespace
} // namespace vmm

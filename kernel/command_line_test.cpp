// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/command_line.hpp"

#include <string_view>

namespace {
DebugCalls chosen(std::string_view text) { return debug_calls_in(text.data(), text.size()); }
} // namespace

TEST(CommandLine, ChoosesWhoMayMakeDebugCalls) {
    EXPECT_EQ(chosen("kernel debug=root"), DebugCalls::root_task);
    EXPECT_EQ(chosen("debug=none console_port=0x3f8"), DebugCalls::none);
    EXPECT_EQ(chosen("debug=none  debug=all"), DebugCalls::all);
}

TEST(CommandLine, LetsEverybodyWithoutAWordThatFits) {
    EXPECT_EQ(debug_calls_in(nullptr, 0), DebugCalls::all);
    EXPECT_EQ(chosen("debug=rooted debug= nodebug=none debug=non"), DebugCalls::all);
}

TEST(CommandLine, ReadsNoFurtherThanItsLimit) {
    EXPECT_EQ(debug_calls_in("debug=none", 9), DebugCalls::all);
    EXPECT_EQ(debug_calls_in("debug=none", 10), DebugCalls::none);
}

// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/command_line.hpp"

#include <string_view>

namespace {
CommandLine chosen(std::string_view text) { return read_command_line(text.data(), text.size()); }
} // namespace

TEST(CommandLine, ChoosesWhoMayMakeDebugCalls) {
    EXPECT_EQ(chosen("kernel debug=root").debug_calls, DebugCalls::root_task);
    EXPECT_EQ(chosen("debug=none console_port=0x3f8").debug_calls, DebugCalls::none);
    EXPECT_EQ(chosen("debug=none  debug=all").debug_calls, DebugCalls::all);
}

TEST(CommandLine, LetsEverybodyWithoutAWordThatFits) {
    EXPECT_EQ(read_command_line(nullptr, 0).debug_calls, DebugCalls::all);
    EXPECT_EQ(chosen("debug=rooted debug= nodebug=none debug=non").debug_calls, DebugCalls::all);
}

TEST(CommandLine, TurnsFastPathsOff) {
    EXPECT_TRUE(chosen("debug=none").fast_paths);
    EXPECT_FALSE(chosen("fastpath=off debug=none").fast_paths);
    EXPECT_TRUE(chosen("fastpath=off fastpath=on fastpath=of").fast_paths);
}

TEST(CommandLine, ReadsNoFurtherThanItsLimit) {
    EXPECT_EQ(read_command_line("debug=none", 9).debug_calls, DebugCalls::all);
    EXPECT_EQ(read_command_line("debug=none", 10).debug_calls, DebugCalls::none);
}

// SPDX-License-Identifier: Apache-2.0
#include "tool/machine.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace {

bool has(std::vector<std::string> const& command, std::string_view first, std::string_view second) {
    auto const at = std::ranges::adjacent_find(command, [&](auto const& a, auto const& b) { return a == first && b == second; });
    return at != command.end();
}

} // namespace

TEST(Machine, OptionsBecomeQemuOptions) {
    Machine const machine{.cpu = CpuModel::amd, .memory = u64{512} << 20, .instruction_count = true, .debugger = true};
    auto const command = qemu_command(machine, "kernel", "module", ConsoleTo::pipes);
    EXPECT_TRUE(has(command, "-m", "512M"));
    EXPECT_TRUE(has(command, "-kernel", "kernel"));
    EXPECT_TRUE(has(command, "-append", "debug=root"));
    EXPECT_TRUE(has(command, "-initrd", "module"));
    EXPECT_TRUE(has(command, "-serial", "stdio"));
    EXPECT_TRUE(has(command, "-icount", "shift=0,sleep=off"));
    EXPECT_TRUE(has(command, "-rtc", "clock=vm"));
    EXPECT_TRUE(has(command, "-accel", "tcg")); // counting instructions is TCG's
    EXPECT_TRUE(has(command, "-s", "-S"));
}

TEST(Machine, NestedPagingCanBeLeftOut) {
    auto const cpu = [](CpuModel model) {
        auto const command = qemu_command({.cpu = model, .instruction_count = true}, "k", "m", ConsoleTo::pipes);
        return *(std::ranges::find(command, "-cpu") + 1);
    };
    EXPECT_EQ(cpu(CpuModel::amd_no_npt), cpu(CpuModel::amd) + ",-npt");
}

TEST(Machine, TheKernelIsToldWhoMayMakeDebugCalls) {
    EXPECT_TRUE(has(qemu_command({.debug_calls = DebugCalls::all}, "k", "m", ConsoleTo::pipes), "-append", "debug=all"));
    EXPECT_TRUE(has(qemu_command({.debug_calls = DebugCalls::none}, "k", "m", ConsoleTo::pipes), "-append", "debug=none"));
    EXPECT_TRUE(has(qemu_command({.debug_calls = DebugCalls::none, .fast_paths = false}, "k", "m", ConsoleTo::pipes), "-append", "debug=none fastpath=off"));
}

TEST(Machine, OnlyTheTerminalHasQemusKeys) {
    EXPECT_TRUE(has(qemu_command({}, "k", "m", ConsoleTo::terminal), "-serial", "mon:stdio"));
}

TEST(Machine, AShellLineQuotesWhatAShellWouldChange) {
    EXPECT_EQ(shell_line({"a", "b c", "it's", "", "x=1,y"}), "a 'b c' 'it'\\''s' '' x=1,y");
}

// SPDX-License-Identifier: Apache-2.0
// `tessera test`: ctest over everything, with its own summary at the end.
#include <fmt/format.h>

#include "tool/commands.hpp"
#include "tool/process.hpp"
#include "tool/tree.hpp"

Checked<int> test(std::optional<std::string> const& name) {
    auto const tree = Tree::of_this_program();
    // First, so that its figure is printed and the summary stays last; the test `coverage.kernel` repeats its verdict, or
    // measures by itself when there is none.
    std::error_code none;
    std::filesystem::remove(tree.source / ".build/coverage/summary", none);
    if (!name) run_command({(tree.source / "test/coverage").string()});
    // Two at a time: each boot test is a whole machine.
    std::vector<std::string> command = {"ctest", "--test-dir", tree.build.string(), "--output-on-failure", "--parallel", "2",
                                        "--no-tests=error"};
    if (name) command.insert(command.end(), {"--tests-regex", *name});
    auto const end = run_command(command);
    return end.status == 0 ? 0 : 1;
}

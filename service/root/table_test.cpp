// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/table.hpp"

#include <string>

namespace {
template <class T> std::string printed(T const& table) {
    std::string all;
    table.print([&](std::string_view line) { all += std::string(line) + "\n"; });
    return all;
}
} // namespace

TEST(Table, AlignsColumnsAndLeavesNoSpaceAtTheEnd) {
    Table<3, 4> table;
    for (auto const& [name, memory, grants] : {std::tuple{"component", "memory", "grants"},
                                               {"console", "2 MiB", "ports 0x3f8-0x3ff"},
                                               {"", "", "irq 4"},
                                               {"linux", "16 MiB", ""}}) {
        auto const row = table.add_row();
        row[0].add(name);
        row[1].add(memory);
        row[2].add(grants);
    }
    EXPECT_EQ(printed(table), "component  memory  grants\n"
                              "console    2 MiB   ports 0x3f8-0x3ff\n"
                              "                   irq 4\n"
                              "linux      16 MiB\n");
}

TEST(Table, UsesTheLastRowAgainWhenFull) {
    Table<1, 2> table;
    for (char const* name : {"a", "b", "c"}) table.add_row()[0].add(name);
    EXPECT_EQ(printed(table), "a\nc\n");
}

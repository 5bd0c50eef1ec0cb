// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/table.hpp"

#include <string>

TEST(Table, AlignsColumnsAndLeavesNoSpaceAtTheEnd) {
    Table<3> table;
    Table<3>::Row rows[4];
    char const* const cells[4][3] = {{"component", "memory", "grants"},
                                     {"console", "2 MiB", "ports 0x3f8-0x3ff"},
                                     {"", "", "irq 4"},
                                     {"linux", "16 MiB", ""}};
    for (int row = 0; row < 4; ++row) {
        for (unsigned column = 0; column < 3; ++column) rows[row][column].add(cells[row][column]);
        table.measure(rows[row]);
    }
    std::string printed;
    for (auto const& row : rows) printed += std::string(view(table.line(row))) + "\n";
    EXPECT_EQ(printed, "component  memory  grants\n"
                       "console    2 MiB   ports 0x3f8-0x3ff\n"
                       "                   irq 4\n"
                       "linux      16 MiB\n");
}

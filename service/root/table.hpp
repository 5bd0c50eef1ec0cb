// SPDX-License-Identifier: Apache-2.0
// A table of text with aligned columns, printed row by row. The last column is free text and is not
// padded.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "service/root/text.hpp"

template <std::size_t Columns, std::size_t Rows> class Table {
public:
    using Cell = user::Text<96>;

    // The next row to fill; when the table is full, the last one again.
    std::span<Cell, Columns> add_row() {
        if (rows_ < Rows) ++rows_;
        for (auto& cell : cells_[rows_ - 1]) cell.clear();
        return cells_[rows_ - 1];
    }

    // Calls print with each line, without line end.
    template <class Print> void print(Print print_line) const {
        std::size_t widths[Columns]{};
        for (std::size_t row = 0; row < rows_; ++row)
            for (std::size_t column = 0; column < Columns; ++column)
                widths[column] = std::max<std::size_t>(widths[column], cells_[row][column].size());
        for (std::size_t row = 0; row < rows_; ++row) {
            user::Text<Columns * 98> line;
            std::size_t start = 0;
            for (std::size_t column = 0; column < Columns; ++column) {
                if (cells_[row][column].size() > 0)
                    pad_to(line, start).add(view(cells_[row][column]));
                start += widths[column] + 2;
            }
            print_line(view(line));
        }
    }

private:
    Cell cells_[Rows][Columns];
    std::size_t rows_{};
};

// SPDX-License-Identifier: Apache-2.0
// A table of text with aligned columns, without memory for its rows: each is shown to the table
// twice, first to measure all, then to print them. The last column is free text and is not padded.
#pragma once

#include <algorithm>
#include <array>

#include "service/root/text.hpp"

template <std::size_t Columns> class Table {
public:
    using Row = std::array<user::Text<96>, Columns>;

    void measure(Row const& row) {
        for (std::size_t i = 0; i < Columns; ++i)
            widths_[i] = std::max<std::size_t>(widths_[i], row[i].size());
    }
    // Without line end and without spaces at the end.
    user::Text<Columns * 98> line(Row const& row) const {
        user::Text<Columns * 98> text;
        std::size_t start = 0;
        for (std::size_t i = 0; i < Columns; ++i) {
            if (row[i].size() > 0) pad_to(text, start).add(view(row[i]));
            start += widths_[i] + 2;
        }
        return text;
    }

private:
    std::size_t widths_[Columns]{};
};

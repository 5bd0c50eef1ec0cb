// SPDX-License-Identifier: Apache-2.0
// What root's lines need beside user::Text: sizes in units, columns, names from the archive.
#pragma once

#include <string_view>

#include "user/text.hpp"

template <unsigned Capacity> std::string_view view(user::Text<Capacity> const& text) {
    return {text.c_str(), text.size()};
}

// 4096 -> "4 KiB": the largest unit in which the number of bytes is whole, at least KiB from 1 MiB
// on.
template <unsigned Capacity>
user::Text<Capacity>& add_bytes(user::Text<Capacity>& text, u64 number) {
    constexpr char const* units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    unsigned unit = 0;
    if (number >= 1024 * 1024) number = number / 1024 * 1024;
    while (unit < 4 && number != 0 && number % 1024 == 0) {
        number /= 1024;
        ++unit;
    }
    return text.decimal(number).add(units[unit]);
}

template <unsigned Capacity>
user::Text<Capacity>& pad_to(user::Text<Capacity>& text, std::size_t column) {
    while (text.size() < column && text.size() < Capacity - 1) text.add(' ');
    return text;
}

// A name in a fixed field of the archive: up to its NUL or to the end of the field.
template <std::size_t Size> constexpr std::string_view field_text(char const (&field)[Size]) {
    std::size_t length = 0;
    while (length < Size && field[length] != 0) ++length;
    return {field, length};
}

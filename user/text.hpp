// SPDX-License-Identifier: Apache-2.0
// Text in a buffer of fixed size, for programs without a C library. What does not fit is cut off,
// and text() ends in "...".
#pragma once

#include <span>

#include "base/types.hpp"

namespace user {

template <unsigned Capacity> class Text {
    static_assert(Capacity >= 8);

public:
    constexpr Text& add(char c) {
        if (size_ < Capacity - 1) {
            data_[size_++] = c;
        } else {
            for (unsigned i = 0; i < 3; ++i) data_[Capacity - 2 - i] = '.';
        }
        return *this;
    }
    constexpr Text& add(char const* text) {
        while (*text != 0) add(*text++);
        return *this;
    }
    constexpr Text& add(std::span<char const> text) {
        for (char const c : text) add(c);
        return *this;
    }
    constexpr Text& decimal(u64 value) {
        char digits[20];
        unsigned count = 0;
        do {
            digits[count++] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        while (count != 0) add(digits[--count]);
        return *this;
    }
    constexpr Text& hexadecimal(u64 value) {
        add("0x");
        int digit = 15;
        while (digit > 0 && value >> (4 * digit) == 0) --digit;
        for (; digit >= 0; --digit) add("0123456789abcdef"[value >> (4 * digit) & 15]);
        return *this;
    }
    constexpr char const* c_str() const { return data_; } // NUL-terminated
    constexpr unsigned size() const { return size_; }
    constexpr void clear() { *this = {}; }

private:
    char data_[Capacity]{}; // the last byte stays 0
    unsigned size_{};
};

} // namespace user

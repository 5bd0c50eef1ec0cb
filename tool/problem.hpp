// SPDX-License-Identifier: Apache-2.0
// What the user did wrong, as one line: FILE:LINE: field: what is wrong; cure
#pragma once

#include <expected>
#include <string>

#include "base/types.hpp"

// Where something was written. line 0: the file as a whole; no field: not about one.
struct Place {
    std::string file;
    u32 line{};
    std::string field;
};

// What is wrong and what to do about it, not yet tied to a place.
struct Flaw {
    std::string what;
    std::string cure;
};

struct Problem {
    Place place;
    std::string what;
    std::string cure;

    Problem(Place where, Flaw flaw)
        : place(std::move(where)), what(std::move(flaw.what)), cure(std::move(flaw.cure)) {}
    std::string text() const; // one line, no newline at its end
};

template <class T> using Checked = std::expected<T, Problem>;

template <class T> struct Located {
    T value{};
    Place place;
};

// SPDX-License-Identifier: Apache-2.0
// A check of a test component: says what failed where, and ends the program with status 1.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

inline void check(bool holds, char const* what,
                  std::source_location where = std::source_location::current()) {
    if (holds) return;
    std::printf("FAILED %s:%u: %s\n", where.file_name(), where.line(), what);
    std::exit(1);
}

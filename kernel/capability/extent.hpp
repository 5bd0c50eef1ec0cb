// SPDX-License-Identifier: Apache-2.0
// The physical memory that a capability's object occupies.
#pragma once

#include <optional>

#include "kernel/capability/cap.hpp"

struct Extent { // physical, [start, end)
    u64 start, end;
    bool contains(Extent const& other) const { return start <= other.start && other.end <= end; }
};

// Empty for capabilities without memory of their own: a reply's memory is its thread's.
std::optional<Extent> extent_of(Cap const& cap);

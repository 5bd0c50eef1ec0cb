// SPDX-License-Identifier: Apache-2.0
// How costs grow with the number of things there are: `growth.WHAT.OF.N`. The tool draws each WHAT.OF as a line.
#pragma once

#include "bench/kernel/invocation.hpp"
#include "bench/kernel/world.hpp"

inline constexpr u64 sizes[] = {1, 3, 10, 30, 100, 300, 1000, 3000, 10000};

// The least radix of a CNode with so many slots, at least 1.
constexpr unsigned radix_for(u64 slots) {
    unsigned radix = 1;
    while (u64{1} << radix < slots) ++radix;
    return radix;
}

// A CNode for more capabilities than the root task's own has slots. It is no part of the CSpace: its slots are named
// by the root capability and their index.
class Store {
public:
    Store(World& world, u64 slots) : radix_(radix_for(slots)), cnode_(world.make<user::CNode>(radix_)) {}
    user::CNode cnode() const { return cnode_.object(); }
    unsigned depth() const { return radix_; }
    user::CNode::Place at(u64 index) const { return cnode().at(index, depth()); }

private:
    unsigned radix_;
    user::Handle<user::CNode> cnode_;
};

void measure_deleting(World& world);
void measure_lookup(World& world);
void measure_with_threads(World& world);

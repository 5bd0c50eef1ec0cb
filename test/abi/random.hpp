// SPDX-License-Identifier: Apache-2.0
// Numbers that look random and are the same in every run, and system calls made of them.
#pragma once

#include <initializer_list>

#include "test/abi/answer.hpp"

class Random {
public:
    explicit Random(u64 seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
    u64 next() { // xorshift64*
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1d;
    }
    u64 below(u64 limit) { return (next() >> 16) % limit; }
    u64 pick(std::initializer_list<u64> values) { return values.begin()[below(values.size())]; }

private:
    u64 state_;
};

struct Step {
    abi::Syscall call = abi::Syscall::call;
    CPtr cptr{};
    u64 label{};
    Words words;
    Words caps;
};

// A step among `count` slots of the initial CNode from `first` on, followed by `nodes` slots that are for CNodes only.
struct Slots {
    CPtr first;
    u64 count;
    CPtr first_node;
    u64 nodes;
    CPtr endpoint;  // which goes into CNodes
    CPtr authority; // a TCB that may set every priority
};
Step random_step(Random& random, Slots const& slots);

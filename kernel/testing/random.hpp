// SPDX-License-Identifier: Apache-2.0
// Random numbers that are cheap to seed and to draw: a test makes a new generator for every world, and a seed tells it again.
#pragma once

#include <cstdlib>

#include "base/types.hpp"

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class Random {
public:
    explicit Random(u64 seed) : state_(seed * 0x9e3779b97f4a7c15) {}
    u64 word() {
        u64 z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    u64 pick(u64 below) { return word() % below; }
    bool one_in(u64 count) { return pick(count) == 0; }
    template <class T, std::size_t N> T const& pick_of(T const (&choices)[N]) { return choices[pick(N)]; }
    template <class Container> auto const& pick_in(Container const& choices) { return choices[pick(choices.size())]; }

private:
    u64 state_;
};

// A number that the environment sets for a longer run.
inline u64 from_environment(char const* name, u64 otherwise) {
    char const* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

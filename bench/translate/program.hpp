// SPDX-License-Identifier: Apache-2.0
// A program that computes, for 32-bit Linux without a C library: it prints a checksum of what it computed and ends.
//   PROGRAM [ROUNDS]
#pragma once

#include "bench/engines/linux.hpp"

// What each program defines. usual_rounds: about half a second on a processor of 2023.
extern u32 const usual_rounds;
u32 compute(u32 rounds);

extern "C" void* memset(void* to, int value, unsigned long bytes);

// Numbers without pattern, the same ones each time (Marsaglia's xorshift).
struct Random {
    u32 state{2463534242};
    u32 operator()() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state;
    }
};

// SPDX-License-Identifier: Apache-2.0
// Integer arithmetic in a loop: additions, multiplications, shifts, divisions, branches that depend on data.
#include "bench/translate/program.hpp"

u32 const usual_rounds = 60000000;

u32 compute(u32 rounds) {
    u32 a = 1, b = 2, c = 3, sum = 0;
    for (u32 i = 0; i < rounds; ++i) {
        a = a * 1664525 + 1013904223;
        b ^= a >> 7;
        c += b << 3 | a >> 29;
        if ((c & 0x30) == 0) sum += c / ((b & 0xff) + 1);
        else if ((a & 1) != 0) sum -= b;
        else sum ^= c;
    }
    return sum + a + b + c;
}

// SPDX-License-Identifier: Apache-2.0
// Primes by the sieve of Eratosthenes: bytes in memory, short inner loops.
#include "bench/translate/program.hpp"

u32 const usual_rounds = 100;

u32 compute(u32 rounds) {
    constexpr u32 size = 1000000;
    static u8 composite[size];
    u32 count = 0;
    for (u32 round = 0; round < rounds; ++round) {
        memset(composite, 0, size);
        for (u32 i = 2; i < size; ++i) {
            if (composite[i]) continue;
            ++count;
            for (u32 j = 2 * i; j < size; j += i) composite[j] = 1;
        }
    }
    return count;
}

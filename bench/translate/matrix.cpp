// SPDX-License-Identifier: Apache-2.0
// Products of matrices of floating-point numbers, in SSE2 registers.
#include "bench/translate/program.hpp"

u32 const usual_rounds = 90;

u32 compute(u32 rounds) {
    constexpr u32 size = 160;
    static double a[size][size], b[size][size], product[size][size];
    Random random;
    for (u32 i = 0; i < size; ++i)
        for (u32 j = 0; j < size; ++j) a[i][j] = random() % 1000 / 8.0, b[i][j] = random() % 1000 / 16.0;
    for (u32 round = 0; round < rounds; ++round) {
        for (u32 i = 0; i < size; ++i)
            for (u32 j = 0; j < size; ++j) {
                double sum = 0;
                for (u32 k = 0; k < size; ++k) sum += a[i][k] * b[k][j];
                product[i][j] = sum;
            }
        a[round % size][0] += 1;
    }
    double trace = 0;
    for (u32 i = 0; i < size; ++i) trace += product[i][i];
    return static_cast<u32>(static_cast<long long>(trace));
}

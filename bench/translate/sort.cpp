// SPDX-License-Identifier: Apache-2.0
// Quicksort with a comparison called through a pointer, as qsort has it.
#include "bench/translate/program.hpp"

u32 const usual_rounds = 120;

namespace {

using Compare = int (*)(u32 const*, u32 const*);

int by_value(u32 const* a, u32 const* b) { return *a < *b ? -1 : *a > *b; }
Compare volatile order = by_value; // so that the call stays a call

void sort(u32* first, u32* last, Compare compare) {
    while (last - first > 1) {
        u32 const pivot = first[(last - first) / 2];
        u32 *low = first, *high = last - 1;
        while (low <= high) {
            while (compare(low, &pivot) < 0) ++low;
            while (compare(high, &pivot) > 0) --high;
            if (low > high) break;
            u32 const value = *low;
            *low++ = *high;
            *high-- = value;
        }
        sort(first, high + 1, compare);
        first = low;
    }
}

} // namespace

u32 compute(u32 rounds) {
    constexpr u32 size = 20000;
    static u32 numbers[size];
    Random random;
    u32 sum = 0;
    for (u32 round = 0; round < rounds; ++round) {
        for (u32& number : numbers) number = random();
        sort(numbers, numbers + size, order);
        for (u32 i = 1; i < size; ++i) sum = sum * 31 + (numbers[i] >= numbers[i - 1]) + numbers[i];
    }
    return sum;
}

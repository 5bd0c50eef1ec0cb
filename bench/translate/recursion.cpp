// SPDX-License-Identifier: Apache-2.0
// Calls and returns: Fibonacci numbers by their definition, Ackermann's function, and one that is deep.
#include "bench/translate/program.hpp"

u32 const usual_rounds = 330;

namespace {

[[gnu::noinline, gnu::optimize("no-optimize-sibling-calls")]] u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
[[gnu::noinline, gnu::optimize("no-optimize-sibling-calls")]] u32 ackermann(u32 m, u32 n) {
    if (m == 0) return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
// Not the last thing it does, so that the compiler leaves it a call.
[[gnu::noinline]] u32 descend(u32 depth, u32 seed) { return depth == 0 ? seed : seed ^ (descend(depth - 1, seed * 5 + depth) >> 1); }

} // namespace

u32 compute(u32 rounds) {
    u32 sum = 0;
    for (u32 round = 0; round < rounds; ++round) sum = sum * 7 + fibonacci(24) + ackermann(3, 6) + descend(20000, round);
    return sum;
}

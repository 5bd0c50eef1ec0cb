// SPDX-License-Identifier: Apache-2.0
// A small interpreter: a loop around a switch, which the compiler makes an indirect jump through a table.
#include "bench/translate/program.hpp"

u32 const usual_rounds = 700;

namespace {

enum class Operation : u8 { load, add, subtract, multiply, exclusive_or, shift, compare, jump_if_less, jump, store, stop };

struct Instruction {
    Operation operation;
    u8 to, from, other;
};

// Collatz sequences of all numbers below r7; r6: their whole length.
constexpr Instruction program[] = {
    {Operation::load, 0, 1, 0},          // r0 = 1: the number
    {Operation::load, 1, 1, 0},          // r1 = 1
    {Operation::load, 6, 0, 0},          // r6 = 0
    {Operation::store, 2, 0, 0},         // 3: r2 = r0
    {Operation::jump_if_less, 15, 2, 8}, // 4: while r8 (= 2) <= r2 ... 15: next number
    {Operation::add, 6, 6, 1},           // r6 += r1
    {Operation::store, 3, 2, 0},         // r3 = r2
    {Operation::shift, 3, 1, 0},         // r3 >>= 1
    {Operation::store, 4, 3, 0},         // r4 = 2 * r3
    {Operation::add, 4, 4, 4},           //
    {Operation::subtract, 4, 2, 4},      // r4 = r2 - r4: odd?
    {Operation::compare, 13, 4, 1},      // 11: odd: 13
    {Operation::jump, 18, 0, 0},         // even: 18
    {Operation::multiply, 2, 2, 9},      // 13: r2 = 3 * r2 + 1
    {Operation::jump, 20, 0, 0},         //
    {Operation::add, 0, 0, 1},           // 15: ++r0
    {Operation::jump_if_less, 3, 0, 7},  // r0 < r7: again
    {Operation::stop, 6, 0, 0},          //
    {Operation::store, 2, 3, 0},         // 18: r2 = r3
    {Operation::jump, 4, 0, 0},          //
    {Operation::add, 2, 2, 1},           // 20
    {Operation::exclusive_or, 5, 5, 2},  //
    {Operation::jump, 4, 0, 0},          //
};

u32 interpret(u32 limit) {
    u32 registers[16] = {};
    registers[7] = limit;
    registers[8] = 2;
    registers[9] = 3;
    for (u32 at = 0;;) {
        Instruction const i = program[at++];
        switch (i.operation) {
        case Operation::load: registers[i.to] = i.from; break;
        case Operation::add: registers[i.to] = registers[i.from] + registers[i.other]; break;
        case Operation::subtract: registers[i.to] = registers[i.from] - registers[i.other]; break;
        case Operation::multiply: registers[i.to] = registers[i.from] * registers[i.other]; break;
        case Operation::exclusive_or: registers[i.to] = registers[i.from] ^ registers[i.other]; break;
        case Operation::shift: registers[i.to] >>= registers[i.from]; break;
        case Operation::compare:
            if (registers[i.from] == registers[i.other]) at = i.to;
            break;
        case Operation::jump_if_less:
            if (registers[i.from] < registers[i.other]) at = i.to;
            break;
        case Operation::jump: at = i.to; break;
        case Operation::store: registers[i.to] = registers[i.from]; break;
        case Operation::stop: return registers[i.to] + registers[5];
        }
    }
}

} // namespace

u32 compute(u32 rounds) {
    u32 sum = 0;
    for (u32 round = 0; round < rounds; ++round) sum = sum * 3 + interpret(500 + round % 16);
    return sum;
}

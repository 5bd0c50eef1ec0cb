// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/differential/generator.hpp"

#include <array>

#include "x86/emulate/arithmetic.hpp"

namespace x86::translate::differential {
namespace {

// Any instruction that can be compared, opcodes with equal chances.
std::pair<std::vector<u8>, Decoded> random_instruction(Random& random) {
    for (;;) {
        std::vector<u8> bytes;
        if (random.chance(20)) bytes.push_back(0x66);
        if (random.chance(4)) bytes.push_back(0x67);
        if (random.chance(6)) bytes.push_back(std::array<u8, 6>{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65}[random.below(6)]);
        if (random.chance(4)) bytes.push_back(0xf0);
        if (random.chance(15)) bytes.push_back(random.chance(50) ? 0xf2 : 0xf3);
        if (random.chance(40)) bytes.push_back(0x0f);
        bytes.push_back(static_cast<u8>(random.bits()));
        if (random.chance(8)) { // esp as a base register, which few instructions would have
            if (random.chance(10)) bytes.back() = 0x8f; // POP to memory, which counts with esp as it becomes
            bytes.push_back(static_cast<u8>(random.below(3) << 6 | (bytes.back() == 0x8f ? 0 : random.below(8)) << 3 | 4));
            bytes.push_back(static_cast<u8>(random.below(4) << 6 | random.below(8) << 3 | 4));
        }
        while (bytes.size() < 15) {
            u32 const value = random.number();
            for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<u8>(value >> 8 * i));
        }
        bytes.resize(15);
        if (auto const decoded = decode(bytes); decoded && can_be_compared(*decoded)) {
            bytes.resize(decoded->instruction.length);
            return {bytes, *decoded};
        }
    }
}

} // namespace

Case random_case(Random& random) {
    bool const writes_code = random.chance(4);
    CaseBuilder builder(random, false, writes_code);
    unsigned const count = 1 + random.below(6);
    bool const loop = random.chance(8);
    if (loop) builder.begin_loop();
    for (unsigned i = 0; i < count; ++i) {
        if (random.chance(3)) builder.function_call();
        if (writes_code && random.chance(60)) builder.store_into_code();
        auto const [bytes, decoded] = random_instruction(random);
        if (loop && ends_block(decoded)) continue;
        builder.append(bytes, decoded);
        if (ends_block(decoded) && decoded.instruction.meta.category != ZYDIS_CATEGORY_CALL) break;
    }
    if (loop) builder.end_loop();
    return builder.finish(random.chance(3));
}

} // namespace x86::translate::differential

// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/decode.hpp"

#include <array>
#include <random>
#include <tuple>

#include "base/gtest.hpp"

namespace x86::translate {
namespace {

// Some opcodes more often than others, few different addresses: so that the cache is hit.
std::array<u8, 32> some_bytes(std::mt19937& random) {
    std::array<u8, 32> bytes;
    for (auto& byte : bytes) byte = static_cast<u8>(random());
    unsigned at = 0;
    constexpr u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x64, 0x2e};
    while (random() % 4 == 0 && at < 4) bytes[at++] = prefixes[random() % sizeof prefixes];
    if (random() % 4 == 0) bytes[at++] = 0x0f;
    ++at;
    constexpr u8 operands[] = {0x04, 0x05, 0x44, 0x84, 0x80, 0x40, 0x03, 0xc1, 0xe4, 0x0c};
    bytes[at++] = operands[random() % sizeof operands];
    if (random() % 2 == 0) bytes[at] = random() % 2 == 0 ? 0x25 : 0x24;
    return bytes;
}

TEST(DecodeCache, DecodesLikeTheDecoder) {
    std::mt19937 random(11); // NOLINT: the same every time
    DecodeCache cache;
    unsigned decoded = 0;
    for (unsigned i = 0; i < 200'000; ++i) {
        auto const bytes = some_bytes(random);
        u8 const code_size = random() % 8 == 0 ? 2 : 4;
        auto const from =
            std::span<u8 const>(bytes).first(random() % 4 == 0 ? random() % 32 + 1 : 32);
        auto const expected = decode(from, code_size), got = cache.decode(from, code_size);
        decoded += expected.length != 0;
        ASSERT_EQ(got.length, expected.length);
        ASSERT_EQ(got.cut_off, expected.cut_off);
        ASSERT_EQ(got.facts, expected.facts);
        ASSERT_EQ(got.displacement, expected.displacement);
        ASSERT_EQ(got.immediate, expected.immediate);
        ASSERT_EQ(got.segment, expected.segment);
        ASSERT_EQ(std::tie(got.form, got.map, got.opcode, got.operand_size, got.address_size,
                           got.repeat, got.lock, got.operand_prefix),
                  std::tie(expected.form, expected.map, expected.opcode, expected.operand_size,
                           expected.address_size, expected.repeat, expected.lock,
                           expected.operand_prefix));
        ASSERT_EQ(std::tie(got.modrm, got.memory, got.reg, got.rm, got.base, got.index, got.scale,
                           got.segment_overridden, got.immediate_size),
                  std::tie(expected.modrm, expected.memory, expected.reg, expected.rm,
                           expected.base, expected.index, expected.scale,
                           expected.segment_overridden, expected.immediate_size));
    }
    EXPECT_GT(decoded, 100'000u);
}

} // namespace
} // namespace x86::translate

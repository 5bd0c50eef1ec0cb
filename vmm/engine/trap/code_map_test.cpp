// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/trap/code_map.hpp"
#include "vmm/engine/trap/common_instruction.hpp"

#include <Zydis/Zydis.h>
#include <algorithm>
#include <initializer_list>

#include "base/gtest.hpp"

namespace vmm::trap {
namespace {

// A page with `before` bytes in front of it and 14 behind, full of single-byte padding (INT3).
struct Page {
    std::vector<u8> bytes;
    u32 before;

    explicit Page(u32 in_front = 0)
        : bytes(in_front + page_size + wanted_after, 0xcc), before(in_front) {}
    void put(int offset, std::initializer_list<int> code) {
        for (int byte : code)
            bytes[static_cast<std::size_t>(static_cast<int>(before) + offset++)] =
                static_cast<u8>(byte);
    }
    CodeBytes code() const { return {bytes, before}; }
};

std::vector<u32> places(CodeMap::Offsets const& set) {
    std::vector<u32> result;
    for (u32 i = 0; i < page_size; ++i)
        if (set.test(i)) result.push_back(i);
    return result;
}

using Places = std::vector<u32>;

TEST(CodeMap, FollowsJumpsAndCallsInsideThePage) {
    Page page;
    page.put(0x100, {0xe8, 0xfb, 0, 0, 0}); // call 0x200
    page.put(0x105, {0x74, 0x0a});          // je 0x111
    page.put(0x107, {0x9c, 0xc3});          // pushf; ret
    page.put(0x109, {0x9d, 0xc3});          // popf, which nothing leads to
    page.put(0x111, {0x8c, 0xd8, 0xc3});    // mov %ds, %eax; ret
    page.put(0x200, {0x0f, 0xa2, 0xc3});    // cpuid; ret
    CodeMap map;
    map.follow(page.code(), 0x100);
    EXPECT_EQ(places(map.traps()), (Places{0x107, 0x111, 0x200}));
    map.sweep(page.code());
    EXPECT_EQ(places(map.traps()), (Places{0x107, 0x109, 0x111, 0x200}));
}

TEST(CodeMap, KnowsEveryInstructionThatNeitherWorksNorFaults) {
    using Code = std::initializer_list<int>;
    for (Code const code : {Code{0x9c},
                            Code{0x9d},
                            Code{0x66, 0x9c},
                            Code{0x0f, 0x01, 0x00},
                            Code{0x0f, 0x01, 0x08},
                            Code{0x0f, 0x00, 0xc0},
                            Code{0x0f, 0x00, 0xc8},
                            Code{0x0f, 0x01, 0xe0},
                            Code{0x0f, 0x02, 0xc1},
                            Code{0x0f, 0x03, 0xc1},
                            Code{0x0f, 0x00, 0xe0},
                            Code{0x0f, 0x00, 0xe8},
                            Code{0x8c, 0xc8},
                            Code{0x8e, 0xd8},
                            Code{0x06},
                            Code{0x0e},
                            Code{0x16},
                            Code{0x1e},
                            Code{0x07},
                            Code{0x17},
                            Code{0x1f},
                            Code{0x0f, 0xa0},
                            Code{0x0f, 0xa1},
                            Code{0x0f, 0xa8},
                            Code{0x0f, 0xa9},
                            Code{0x0f, 0xa2},
                            Code{0xc4, 0x00},
                            Code{0xc5, 0x00},
                            Code{0x0f, 0xb2, 0x00},
                            Code{0x0f, 0xb4, 0x00},
                            Code{0x0f, 0xb5, 0x00},
                            Code{0xca, 4, 0},
                            Code{0xcb},
                            Code{0xcf},
                            Code{0xff, 0x18},
                            Code{0xff, 0x28},
                            Code{0x9a, 0, 0, 0, 0, 8, 0},
                            Code{0xea, 0, 0, 0, 0, 8, 0}}) {
        Page page;
        page.put(0x40, code);
        CodeMap map;
        map.follow(page.code(), 0x40);
        EXPECT_EQ(places(map.traps()), Places{0x40}) << std::hex << *code.begin();
    }
}

TEST(CodeMap, LeavesAloneWhatFaultsByItselfAndWhatIsHarmless) {
    Page page;
    page.put(0, {0xfa, 0xfb, 0xe4, 0x10, 0x0f, 0x22, 0xd8, 0x0f, 0x30, 0x0f, 0x01, 0x10, 0xcd, 0x80,
                 0xf4});
    page.put(15, {0xb8, 0x9c, 0x9d, 0x0f, 0xa2, 0xc3}); // mov $0xa20f9d9c, %eax; ret
    CodeMap map;
    map.follow(page.code(), 0);
    map.sweep(page.code());
    EXPECT_TRUE(map.traps().none());
    EXPECT_TRUE(map.is_start(15) && map.is_start(20) && !map.is_start(16));
}

TEST(CodeMap, NeverChangesAByteThatAKnownInstructionReadsNatively) {
    Page page;
    page.put(0x10, {0xeb, 0x01});       // jmp 0x13: into the middle of what follows
    page.put(0x12, {0xb0, 0x9c, 0xc3}); // mov $0x9c, %al; ret
    CodeMap map;
    map.follow(page.code(), 0x12);
    EXPECT_TRUE(map.traps().none());
    map.follow(page.code(),
               0x10); // now 0x9c runs as PUSHF, too: MOV is emulated from its original bytes
    EXPECT_EQ(places(map.traps()), (Places{0x12, 0x13}));
}

TEST(CodeMap, FindsItsFeetInFrontOfThePage) {
    Page page(wanted_before);
    page.put(-2, {0xb8, 0x11, 0x9c, 0x9d, 0x22}); // mov $0x229d9c11, %eax lies across the edge
    page.put(3, {0x9c, 0xc3});
    CodeMap map;
    map.sweep(page.code());
    EXPECT_EQ(places(map.traps()), Places{3});
}

TEST(CodeMap, AnInstructionAcrossTheEndBelongsToThePageOfItsFirstByte) {
    Page page;
    page.put(4095, {0x0f, 0xa2});
    CodeMap map;
    map.follow(page.code(), 4095);
    EXPECT_EQ(places(map.traps()), Places{4095});
}

TEST(CodeMap, WhatCannotBeSeenToItsEndBecomesATrap) {
    Page page;
    page.put(4095, {0x0f});
    CodeBytes const code{std::span<u8 const>(page.bytes).first(page_size), 0};
    CodeMap map;
    map.follow(code, 4095);
    EXPECT_EQ(places(map.traps()), Places{4095});
}

TEST(CodeMap, TakesTablesForData) {
    Page page;
    page.put(0, {0xc3});
    // The order of code lengths in a DEFLATE stream, and small numbers of 32 bits.
    page.put(0x10, {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15});
    for (int i = 0; i < 64; ++i) page.put(0x40 + 4 * i, {i, 0, 0, 0});
    CodeMap map;
    map.follow(page.code(), 0);
    map.sweep(page.code());
    EXPECT_TRUE(map.traps().none());
}

TEST(CodeMap, BelievesLittleInCompressedData) {
    u64 state = 7;
    u64 patched = 0;
    constexpr int rounds = 40;
    for (int round = 0; round < rounds; ++round) {
        Page page;
        for (u8& byte : page.bytes) {
            state = state * 6364136223846793005 + 1442695040888963407;
            byte = static_cast<u8>(state >> 56);
        }
        page.put(0, {0x9c, 0x58, 0xc3}); // and one function
        CodeMap map;
        map.follow(page.code(), 0);
        map.sweep(page.code());
        EXPECT_TRUE(map.traps().test(0));
        patched += map.traps().count() - 1;
    }
    EXPECT_LE(patched, rounds / 5u);
}

TEST(CommonInstruction, AgreesWithTheDecoder) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    u64 state = 3;
    unsigned common = 0;
    for (unsigned round = 0; round < 100000; ++round) {
        std::array<u8, 15> bytes;
        for (u8& byte : bytes) {
            state = state * 6364136223846793005 + 1442695040888963407;
            byte = static_cast<u8>(state >> 56);
        }
        if (round % 3 == 0) bytes[0] = 0x0f;
        auto const found = common_instruction(bytes);
        if (!found) continue;
        ++common;
        ZydisDecodedInstruction truth;
        ASSERT_TRUE(ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(&decoder, nullptr, bytes.data(), bytes.size(), &truth)))
            << std::hex << unsigned{bytes[0]} << " " << unsigned{bytes[1]};
        EXPECT_EQ(found->length, truth.length) << std::hex << unsigned{bytes[0]} << " "
                                               << unsigned{bytes[1]} << " " << unsigned{bytes[2]};
        EXPECT_EQ(found->relative_bytes * 8,
                  truth.raw.imm[0].is_relative ? truth.raw.imm[0].size : 0);
        bool const ends =
            truth.mnemonic == ZYDIS_MNEMONIC_RET || truth.mnemonic == ZYDIS_MNEMONIC_JMP;
        EXPECT_EQ(found->ends_run, ends);
    }
    EXPECT_GT(common, 50000u);
}

TEST(CodeMap, RandomBytesNeverMakeItReadPastTheEnd) {
    u64 state = 1;
    for (int round = 0; round < 50; ++round) {
        Page page(static_cast<u32>(round) % 3 * 64);
        for (u8& byte : page.bytes) {
            state = state * 6364136223846793005 + 1442695040888963407;
            byte = static_cast<u8>(state >> 56);
        }
        CodeMap map;
        for (u16 entry = 0; entry < page_size; entry = static_cast<u16>(entry + 511))
            map.follow(page.code(), entry);
        map.sweep(page.code());
        auto const traps = map.traps();
        for (u32 at = 0; at < page_size; ++at)
            EXPECT_TRUE(!traps.test(at) || map.is_start(static_cast<u16>(at)));
    }
}

} // namespace
} // namespace vmm::trap

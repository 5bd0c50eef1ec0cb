// SPDX-License-Identifier: Apache-2.0
// A check that finds nothing is worth nothing: it has to find each of these.
#include "x86/translate/code_check.hpp"

#include <vector>

#include "base/gtest.hpp"

namespace x86::translate {
namespace {

constexpr u64 code = 0x80'00000000;
constexpr Translator::Layout layout{.code = code,
                                    .code_bytes = 0x100000,
                                    .shared = code + 0x800,
                                    .shared_bytes = 0x400,
                                    .table = code,
                                    .table_bytes = 0x800,
                                    .state = code - 0x10000};

std::optional<std::string> check(std::vector<u8> const& bytes) {
    return check_block(layout, {.eip = 0x1000,
                                .linear = 0x1000,
                                .guest_bytes = 1,
                                .instructions = 1,
                                .address = code + 0x1000,
                                .checked = code + 0x1000,
                                .plain = code + 0x1000,
                                .code = bytes,
                                .parts = {}});
}

TEST(CodeCheck, WhatBlocksAreMadeOfPasses) {
    EXPECT_FALSE(check({0x67, 0x89, 0x04, 0x33})); // mov [ebx+esi], eax
    EXPECT_FALSE(
        check({0x45, 0x8d, 0x48, 0x04, 0x41, 0x89, 0x01})); // lea r9d, [r8+4]; mov [r9], eax
    EXPECT_FALSE(check({0x41, 0x89, 0x47, 0x20}));          // mov [r15+32], eax
    EXPECT_FALSE(check({0x4d, 0x8b, 0x57, 0x30, 0x47, 0x8b, 0x14,
                        0x17})); // mov r10, [r15+48]; mov r10d, [r15+r10]
    EXPECT_FALSE(check({0x45, 0x0f, 0xb6, 0xd1, 0x43, 0xff, 0xa4, 0xd7, 0, 0, 1,
                        0}));                            // movzx r10d, r9b; jmp [r15+r10*8+table]
    EXPECT_FALSE(check({0xe8, 0x00, 0x10, 0, 0, 0xc3})); // call; ret
    EXPECT_FALSE(check({0xeb, 0x00, 0x67, 0xf3, 0xa4})); // jmp; rep movsb
}

struct Bad {
    char const* name;
    std::vector<u8> bytes;
};
class BadCode : public testing::TestWithParam<Bad> {};
TEST_P(BadCode, IsFound) { EXPECT_TRUE(check(GetParam().bytes)); }

Bad const bad[] = {
    {"AddressOf64Bits", {0x89, 0x04, 0x33}},
    {"StringOf64Bits", {0xf3, 0xa4}},
    {"UncheckedR9", {0x41, 0x89, 0x01}},
    {"WideR9", {0x4c, 0x8d, 0x0b, 0x41, 0x89, 0x01}},         // lea r9, [rbx]; mov [r9], eax
    {"BesideR9", {0x44, 0x8d, 0x0b, 0x41, 0x89, 0x41, 0x01}}, // lea r9d, [rbx]; mov [r9+1], eax
    {"OwnersField", {0x4d, 0x89, 0x8f, 0x80, 0, 0, 0}},       // mov [r15+128], r9
    {"BehindState", {0x45, 0x8b, 0x8f, 0, 0x10, 0, 0}},
    {"BeforeState", {0x45, 0x8b, 0x4f, 0xff}},
    {"RelativeToRip", {0x8b, 0x05, 0, 0, 0, 0}},
    {"RelativeToEip", {0x67, 0x8b, 0x05, 0, 0, 0, 0}},
    {"SegmentFs", {0x64, 0x67, 0x8b, 0x03}},
    {"Stack", {0x8b, 0x44, 0x24, 0x08}},
    {"StackPointer", {0x48, 0x89, 0xc4}},
    {"StatePointer", {0x49, 0x89, 0xc7}},
    {"WideGuestRegister", {0x48, 0x89, 0xd8}},
    {"UncheckedTable", {0x43, 0xff, 0xa4, 0xd7, 0, 0, 1, 0}},
    {"OtherTable", {0x45, 0x0f, 0xb6, 0xd1, 0x43, 0xff, 0xa4, 0xd7, 0, 0, 2, 0}},
    {"JumpByRegister", {0xff, 0xe0}},
    {"JumpOutside", {0xe9, 0, 0, 0, 0x10}},
    {"JumpIntoInstruction", {0xeb, 0x01, 0xb8, 0, 0, 0, 0}},
    {"SystemCall", {0x0f, 0x05}},
    {"Interrupt", {0xcd, 0x80}},
    {"Halt", {0xf4}},
    {"Port", {0xec}},
    {"ClearInterrupts", {0xfa}},
    {"SegmentRegister", {0x8e, 0xd8}},
    {"FsBase", {0xf3, 0x48, 0x0f, 0xae, 0xd0}},
    {"FarReturn", {0xcb}},
    {"FarJump", {0x67, 0xff, 0x2b}},
    {"NoInstruction", {0x06}},
};
INSTANTIATE_TEST_SUITE_P(All, BadCode, testing::ValuesIn(bad),
                         [](auto const& kind) { return kind.param.name; });

} // namespace
} // namespace x86::translate

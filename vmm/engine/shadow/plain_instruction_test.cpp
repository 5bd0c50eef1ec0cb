// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/shadow/plain_instruction.hpp"

#include "base/gtest.hpp"

#include <vector>

namespace vmm {
namespace {

using Kind = PlainInstruction::Kind;

std::optional<PlainInstruction> decode(std::vector<u8> code, bool long_mode = true) {
    code.resize(PlainInstruction::longest, 0x90);
    return PlainInstruction::decode(code, long_mode);
}

struct Form {
    std::vector<u8> code;
    bool long_mode;
    Kind kind;
    unsigned control, general, length;
};
class PlainInstructions : public testing::TestWithParam<Form> {};
TEST_P(PlainInstructions, AreDecoded) {
    auto const found = decode(GetParam().code, GetParam().long_mode);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, GetParam().kind);
    EXPECT_EQ(found->general, GetParam().general);
    EXPECT_EQ(found->length, GetParam().length);
    if (found->kind != Kind::invalidate_page) {
        EXPECT_EQ(found->control, GetParam().control);
    }
}
INSTANTIATE_TEST_SUITE_P(
    All, PlainInstructions,
    testing::Values(
        Form{{0x0f, 0x22, 0xdf}, true, Kind::to_control, 3, 7, 3},             // mov %rdi,%cr3
        Form{{0x0f, 0x22, 0xd8}, false, Kind::to_control, 3, 0, 3},            // mov %eax,%cr3
        Form{{0x41, 0x0f, 0x20, 0xdc}, true, Kind::from_control, 3, 12, 4},    // mov %cr3,%r12
        Form{{0x44, 0x0f, 0x20, 0xc0}, true, Kind::from_control, 8, 0, 4},     // mov %cr8,%rax
        Form{{0x0f, 0x20, 0x18}, true, Kind::from_control, 3, 0, 3},           // mode bits ignored
        Form{{0x0f, 0x01, 0x3f}, true, Kind::invalidate_page, 0, 7, 3},        // invlpg (%rdi)
        Form{{0x41, 0x0f, 0x01, 0x3e}, true, Kind::invalidate_page, 0, 14, 4}, // invlpg (%r14)
        Form{{0x0f, 0x01, 0x38}, false, Kind::invalidate_page, 0, 0, 3}));     // invlpg (%eax)

TEST(PlainInstruction, LeavesEverythingElseToTheEmulator) {
    EXPECT_FALSE(decode({0x0f, 0x01, 0x3c, 0x24}));        // invlpg (%rsp)
    EXPECT_FALSE(decode({0x41, 0x0f, 0x01, 0x3c}));        // invlpg (%r12...)
    EXPECT_FALSE(decode({0x0f, 0x01, 0x3d}));              // invlpg disp32(%rip)
    EXPECT_FALSE(decode({0x0f, 0x01, 0x7f}));              // invlpg disp8(%rdi)
    EXPECT_FALSE(decode({0x0f, 0x01, 0xf8}));              // swapgs
    EXPECT_FALSE(decode({0x0f, 0x06}));                    // clts
    EXPECT_FALSE(decode({0x64, 0x0f, 0x01, 0x3f}));        // invlpg %fs:(%rdi)
    EXPECT_FALSE(decode({0x41, 0x0f, 0x22, 0xd8}, false)); // inc %ecx
    EXPECT_FALSE(PlainInstruction::decode({}, true));
}

} // namespace
} // namespace vmm

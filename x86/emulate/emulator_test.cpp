// SPDX-License-Identifier: Apache-2.0
// Single instructions with their results, from the manual (Intel SDM vol. 2). Bytes are what an
// assembler makes of the text beside them.
#include "x86/emulate/test_processor.hpp"

#include "base/gtest.hpp"

namespace x86 {
namespace {

enum : unsigned { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi };
using Code = std::vector<u8>;

Result run(TestProcessor& p, Code const& code) {
    p.put_code(code);
    return emulate(p);
}

TEST(Emulator, StoresAndMovesOn) {
    TestProcessor p;
    p.state.registers.value[rax] = 0x11223344;
    p.state.registers.value[rcx] = 0x2000;
    EXPECT_EQ(run(p, {0x89, 0x01}).outcome, Outcome::done); // mov %eax,(%ecx)
    EXPECT_EQ(p.get<u32>(0x2000), 0x11223344u);
    EXPECT_EQ(p.state.rip, 0x1002u);
}

TEST(Emulator, PushesAndPops) {
    TestProcessor p;
    p.state.registers.value[rbx] = 7;
    EXPECT_EQ(run(p, {0x53}).outcome, Outcome::done); // push %ebx
    EXPECT_EQ(p.state.registers.value[rsp], 0x7ffcu);
    EXPECT_EQ(p.get<u32>(0x7ffc), 7u);
    EXPECT_EQ(run(p, {0x59}).outcome, Outcome::done); // pop %ecx
    EXPECT_EQ(p.state.registers.value[rcx], 7u);
}

TEST(Emulator, RepeatedStringsStopInTheMiddleAtAFault) {
    TestProcessor p;
    p.pages[3] = TestProcessor::Rights::read_only;
    p.state.registers.value[rcx] = 4;
    p.state.registers.value[rdi] = 0x2ff8;
    p.state.registers.value[rax] = 0x55;
    auto const result = run(p, {0xf3, 0xab}); // rep stosl
    EXPECT_EQ(result.outcome, Outcome::raised);
    EXPECT_EQ(result.exception.vector, vector::page_fault);
    EXPECT_EQ(result.exception.address, 0x3000u);
    EXPECT_EQ(p.state.registers.value[rcx], 2u);
    EXPECT_EQ(p.state.registers.value[rdi], 0x3000u);
    EXPECT_EQ(p.state.rip, 0x1000u);
}

} // namespace
} // namespace x86

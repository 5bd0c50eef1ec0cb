// SPDX-License-Identifier: Apache-2.0
// Golden bytes: what an assembler makes of the text in each line's comment.
#include "x86/emulate/memory_instruction.hpp"

#include "base/gtest.hpp"
#include <random>
#include <vector>

namespace x86 {
namespace {

using Operation = MemoryInstruction::Operation;
using Code = std::vector<u8>;

constexpr u64 zero_flag = 0x40;
constexpr u64 carry_flag = 0x01;
constexpr u64 sign_flag = 0x80;

struct World {
    // Runs one instruction against a device register that holds `memory`; returns what is written
    // there.
    u64 run(Code const& code, u64 memory, Mode mode = Mode::long64) {
        auto const instruction = decode_memory_instruction(code, mode);
        EXPECT_TRUE(instruction.has_value());
        if (!instruction) return 0;
        EXPECT_EQ(instruction->length, code.size());
        last = *instruction;
        return execute(*instruction, memory, registers, rflags);
    }
    GeneralRegisters registers{{0x1111111111111111, 0x2222222222222222, 0x3333333333333333,
                                0x4444444444444444, 0, 0, 0, 0x7777777777777777,
                                0x8888888888888888}};
    u64 rflags = 2;
    MemoryInstruction last{};
};

TEST(MemoryInstruction, Stores) {
    World world;
    EXPECT_EQ(world.run({0x89, 0x02}, 0), 0x11111111u); // mov %eax,(%rdx)
    EXPECT_TRUE(world.last.writes() && !world.last.reads());
    EXPECT_EQ(world.last.width, 4);
    EXPECT_EQ(world.run({0x88, 0x22}, 0), 0x11u);                     // mov %ah,(%rdx)
    EXPECT_EQ(world.run({0x40, 0x88, 0x3a}, 0), 0x77u);               // mov %dil,(%rdx)
    EXPECT_EQ(world.run({0x44, 0x88, 0x02}, 0), 0x88u);               // mov %r8b,(%rdx)
    EXPECT_EQ(world.run({0x66, 0x89, 0x0a}, 0), 0x2222u);             // mov %cx,(%rdx)
    EXPECT_EQ(world.run({0x4c, 0x89, 0x02}, 0), 0x8888888888888888u); // mov %r8,(%rdx)
    EXPECT_EQ(world.run({0xc7, 0x42, 0x10, 0xff, 0, 1, 0}, 0),
              0x100ffu); // movl $0x100ff,0x10(%rdx)
    EXPECT_EQ(world.run({0x48, 0xc7, 0x02, 0xff, 0xff, 0xff, 0xff}, 0), ~u64{0}); // movq $-1,(%rdx)
}

TEST(MemoryInstruction, LoadsKeepOrClearTheUpperHalfAsTheProcessorDoes) {
    World world;
    world.run({0x8b, 0x02}, 0xdeadbeef); // mov (%rdx),%eax
    EXPECT_EQ(world.registers.value[0], 0xdeadbeef);
    world.run({0x66, 0x8b, 0x0a}, 0xabcd); // mov (%rdx),%cx
    EXPECT_EQ(world.registers.value[1], 0x222222222222abcd);
    world.run({0x8a, 0x22}, 0x99); // mov (%rdx),%ah
    EXPECT_EQ(world.registers.value[0], 0xdead99ef);
    world.run({0x0f, 0xb6, 0x02}, 0xf0); // movzbl (%rdx),%eax
    EXPECT_EQ(world.registers.value[0], 0xf0u);
    EXPECT_EQ(world.last.width, 1);
    world.run({0x48, 0x0f, 0xbe, 0x02}, 0xf0); // movsbq (%rdx),%rax
    EXPECT_EQ(world.registers.value[0], 0xfffffffffffffff0);
    world.run({0x48, 0x63, 0x02}, 0x80000000); // movslq (%rdx),%rax
    EXPECT_EQ(world.registers.value[0], 0xffffffff80000000);
    world.run({0x4d, 0x8b, 0x03}, 42); // mov (%r11),%r8
    EXPECT_EQ(world.registers.value[8], 42u);
}

TEST(MemoryInstruction, ChangesInPlaceSetFlags) {
    World world;
    EXPECT_EQ(world.run({0x81, 0x22, 0xff, 0xff, 0xfe, 0xff}, 0x00010034),
              0x34u); // andl $0xfffeffff,(%rdx)
    EXPECT_TRUE(world.last.reads() && world.last.writes());
    EXPECT_EQ(world.run({0x83, 0x0a, 0x80}, 1), 0xffffff81u); // orl $-0x80,(%rdx)
    EXPECT_NE(world.rflags & sign_flag, 0u);
    EXPECT_EQ(world.run({0x31, 0x02}, 0x11111111), 0u); // xor %eax,(%rdx)
    EXPECT_NE(world.rflags & zero_flag, 0u);
    world.run({0x23, 0x02}, 0x10); // and (%rdx),%eax
    EXPECT_EQ(world.registers.value[0], 0x10u);
}

TEST(MemoryInstruction, TestAndCompareOnlySetFlags) {
    World world;
    world.run({0xf6, 0x02, 0x20}, 0xdf); // testb $0x20,(%rdx)
    EXPECT_NE(world.rflags & zero_flag, 0u);
    EXPECT_FALSE(world.last.writes());
    world.run({0x39, 0x02}, 0x11111110); // cmp %eax,(%rdx)
    EXPECT_EQ(world.rflags & (carry_flag | zero_flag | sign_flag), carry_flag | sign_flag);
    world.run({0x3b, 0x02}, 0x11111111); // cmp (%rdx),%eax
    EXPECT_NE(world.rflags & zero_flag, 0u);
    EXPECT_EQ(world.registers.value[0], 0x1111111111111111);
}

TEST(MemoryInstruction, CompareMatchesTheProcessor) {
    // cmp %ecx,%eax on this machine against cmp %eax,(%rdx) with (%rdx) = first operand.
    u32 const values[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10, 0xf};
    constexpr u64 arithmetic_flags = 0x8d5;
    for (u32 first : values)
        for (u32 second : values) {
            World world;
            world.registers.value[0] = second;
            world.run({0x39, 0x02}, first);
            u64 native;
            asm("cmp %2, %1\n\tpushfq\n\tpop %0" : "=&r"(native) : "r"(first), "r"(second) : "cc");
            EXPECT_EQ(world.rflags & arithmetic_flags, native & arithmetic_flags)
                << first << ' ' << second;
        }
}

TEST(MemoryInstruction, RefusesOtherInstructionsAndBrokenBytes) {
    auto error = [](Code const& code) {
        return decode_memory_instruction(code, Mode::long64).error();
    };
    EXPECT_EQ(error({0x0f, 0x11, 0x02}), DecodeError::unsupported); // movups %xmm0,(%rdx)
    EXPECT_EQ(error({0x89, 0xc2}), DecodeError::unsupported);       // mov %eax,%edx
    EXPECT_EQ(error({0xa4}), DecodeError::unsupported);             // movsb
    EXPECT_EQ(error({0xf0, 0x0f, 0xb1, 0x0a}),
              DecodeError::unsupported); // lock cmpxchg %ecx,(%rdx)
    EXPECT_EQ(error({0x89}), DecodeError::bad_bytes);
    EXPECT_EQ(error({}), DecodeError::bad_bytes);
    EXPECT_EQ(error({0x06}), DecodeError::bad_bytes); // push %es: not in 64-bit mode
}

// A guest chooses the bytes: whatever they are, the answer is an instruction within bounds or an
// error.
TEST(MemoryInstruction, AnyBytesAreDecodedOrRefused) {
    std::mt19937_64 random(1); // NOLINT: the same every time
    unsigned decoded = 0;
    for (int i = 0; i < 300'000; ++i) {
        Code code(random() % 16);
        for (u8& byte : code) byte = static_cast<u8>(random());
        auto const mode = random() % 2 ? Mode::long64 : Mode::protected32;
        auto const instruction = decode_memory_instruction(code, mode);
        if (!instruction) continue;
        ++decoded;
        ASSERT_LE(instruction->length, code.size());
        ASSERT_LT(instruction->register_number, 16);
        ASSERT_TRUE(instruction->width == 1 || instruction->width == 2 || instruction->width == 4 ||
                    instruction->width == 8);
        World world;
        u64 const written = execute(*instruction, random(), world.registers, world.rflags);
        ASSERT_TRUE(instruction->width == 8 || written >> 8 * instruction->width == 0);
    }
    EXPECT_GT(decoded, 1000u);
}

TEST(MemoryInstruction, LengthOfAnyInstruction) {
    EXPECT_EQ(instruction_length(Code{0x0f, 0xa2, 0x90}, Mode::long64), 2);
    EXPECT_EQ(instruction_length(Code{0x66, 0xef}, Mode::long64), 2);
    EXPECT_EQ(instruction_length(Code{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, Mode::long64), 10);
    EXPECT_EQ(instruction_length(Code{0x40}, Mode::protected32), 1);
}

TEST(MemoryInstruction, ProtectedModeKnowsNoWideRegisters) {
    World world;
    EXPECT_EQ(world.run({0xa3, 0x00, 0x00, 0xc0, 0xfe}, 0, Mode::protected32),
              0x11111111u); // mov %eax,0xfec00000
}

} // namespace
} // namespace x86

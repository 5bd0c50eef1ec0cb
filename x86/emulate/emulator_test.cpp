// SPDX-License-Identifier: Apache-2.0
// Integer instructions of 32-bit and 16-bit code, where no processor in 64-bit mode can be asked:
// results from the manual (Intel SDM vol. 2). Bytes are what an assembler makes of the text beside
// them.
#include "base/gtest.hpp"
#include "x86/emulate/test_kernel.hpp"

namespace x86 {
namespace {

enum : unsigned { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi };
using Code = std::vector<u8>;

// Flags: c p a z s o, by letter.
std::string letters(u64 rflags) {
    std::string text;
    for (auto const& [bit, letter] :
         {std::pair{0, 'c'}, {2, 'p'}, {4, 'a'}, {6, 'z'}, {7, 's'}, {11, 'o'}})
        if ((rflags >> bit & 1) != 0) text += letter;
    return text;
}

struct Row {
    Code code;
    u32 eax, ecx;    // before
    u64 flags;       // before
    u32 result;      // eax after
    char const* set; // flags after
};

TEST(Integer, AccumulatorAndFlags) {
    Row const rows[] = {
        {{0x27}, 0x79, 0, 0, 0x79, ""},                       // daa
        {{0x27}, 0x9a, 0, 0, 0x00, "cpaz"},                   // daa
        {{0x27}, 0x0f, 0, 0x11, 0x75, "ca"},                  // daa
        {{0x2f}, 0x35, 0, 0x10, 0x2f, "a"},                   // das
        {{0x2f}, 0x03, 0, 0x10, 0xfd, "cas"},                 // das: the borrow of its first step
        {{0x2f}, 0xee, 0, 0, 0x88, "cpas"},                   // das
        {{0x37}, 0x020a, 0, 0, 0x0300, "ca"},                 // aaa
        {{0x37}, 0x02f5, 0, 0, 0x0205, ""},                   // aaa
        {{0x3f}, 0x0205, 0, 0x10, 0x000f, "ca"},              // aas
        {{0xd4, 0x0a}, 0x004f, 0, 0, 0x0709, "p"},            // aam
        {{0xd5, 0x0a}, 0x0709, 0, 0, 0x004f, ""},             // aad
        {{0x40}, 0x7fffffff, 0, 1, 0x80000000, "cpaso"},      // inc %eax keeps CF
        {{0x48}, 0, 0, 0, 0xffffffff, "pas"},                 // dec %eax
        {{0x66, 0x40}, 0x1ffff, 0, 0, 0x10000, "paz"},        // inc %ax
        {{0x01, 0xc8}, 0x80000000, 0x80000000, 0, 0, "cpzo"}, // add %ecx,%eax
        {{0x19, 0xc8}, 0, 0, 1, 0xffffffff, "cpas"},          // sbb %ecx,%eax
        {{0xf7, 0xd8}, 0x80000000, 0, 0, 0x80000000, "cpso"}, // neg %eax
        {{0xd3, 0xe0}, 1, 32, 0x1, 1, "c"},                   // shl %cl,%eax: 32 is no step
        {{0xd3, 0xe0}, 0x80000001, 1, 0, 2, "co"},            // shl %cl,%eax
        {{0xc1, 0xf8, 0x1f}, 0x80000000, 0, 0, 0xffffffff, "ps"}, // sar $31,%eax
        {{0xd1, 0xd8}, 1, 0, 0, 0, "c"},                          // rcr %eax
        {{0x0f, 0xc8}, 0x11223344, 0, 0, 0x44332211, ""},         // bswap %eax
        {{0x98}, 0x8000, 0, 0, 0xffff8000, ""},                   // cwtl
        {{0x9f}, 0, 0, 0x8d5, 0xd700, "cpazso"},                  // lahf
        {{0x9e}, 0xd500, 0, 0x800, 0xd500, "cpazso"},             // sahf
        {{0x0f, 0xbc, 0xc1}, 7, 0, 0, 7, "z"},                    // bsf %ecx,%eax
        {{0xf3, 0x0f, 0xbc, 0xc1}, 7, 0, 0, 32, "c"},             // tzcnt %ecx,%eax
        {{0x0f, 0x94, 0xc0}, 0, 0, 0x40, 1, "z"},                 // sete %al
        {{0x0f, 0x4c, 0xc1}, 1, 9, 0x80, 9, "s"},                 // cmovl %ecx,%eax
    };
    for (auto const& row : rows) {
        TestKernel k;
        k.state.registers.value[rax] = row.eax;
        k.state.registers.value[rcx] = row.ecx;
        k.state.rflags |= row.flags;
        EXPECT_EQ(text(k.run(row.code)), "done");
        EXPECT_EQ(k.state.registers.value[rax], row.result)
            << std::hex << +row.code[0] << " on " << row.eax;
        EXPECT_EQ(letters(k.state.rflags), row.set)
            << std::hex << +row.code[0] << " on " << row.eax;
        EXPECT_EQ(k.state.rip, 0x1000 + row.code.size());
    }
}

TEST(Integer, DivisionFaults) {
    struct {
        Code code;
        u32 edx, eax, ecx;
        char const* result;
    } const rows[] = {
        {{0xf7, 0xf1}, 0, 7, 0, "0"},                     // div %ecx
        {{0xf7, 0xf1}, 1, 0, 1, "0"},                     // the quotient needs 33 bits
        {{0xf7, 0xf9}, 0xffffffff, 0x80000000, ~0u, "0"}, // idiv: the most negative by -1
        {{0xf7, 0xf9}, 0xffffffff, 0x80000000, 1, "done"},
        {{0xd4, 0x00}, 0, 5, 0, "0"}, // aam $0
    };
    for (auto const& row : rows) {
        TestKernel k;
        k.state.registers.value[rax] = row.eax;
        k.state.registers.value[rcx] = row.ecx;
        k.state.registers.value[rdx] = row.edx;
        EXPECT_EQ(text(k.run(row.code)), row.result);
    }
}

TEST(Stack, PushesAllAndPopsAllButItself) {
    TestKernel k;
    for (unsigned i = 0; i < 8; ++i)
        if (i != rsp) k.state.registers.value[i] = 0x100 + i;
    EXPECT_EQ(text(k.run({0x60})), "done"); // pusha
    EXPECT_EQ(k.state.registers.value[rsp], 0x8000u - 32);
    EXPECT_EQ(k.stack(0), 0x107u);
    EXPECT_EQ(k.stack(3), 0x8000u);
    EXPECT_EQ(k.stack(7), 0x100u);
    k.put<u32>(0x8000 - 32, 0x77);
    EXPECT_EQ(text(k.run({0x61})), "done"); // popa
    EXPECT_EQ(k.state.registers.value[rdi], 0x77u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x8000u);
}

TEST(Stack, NestedFramesCopyTheEnclosingOnes) {
    TestKernel k;
    k.state.registers.value[rbp] = 0x9000;
    k.put<u32>(0x8ffc, 0xabcd);
    EXPECT_EQ(text(k.run({0xc8, 0x10, 0, 2})), "done"); // enter $16,$2
    EXPECT_EQ(k.get<u32>(0x7ffc), 0x9000u);
    EXPECT_EQ(k.get<u32>(0x7ff8), 0xabcdu);
    EXPECT_EQ(k.get<u32>(0x7ff4), 0x7ffcu);
    EXPECT_EQ(k.state.registers.value[rbp], 0x7ffcu);
    EXPECT_EQ(k.state.registers.value[rsp], 0x7ff4u - 16);
    EXPECT_EQ(text(k.run({0xc9})), "done"); // leave
    EXPECT_EQ(k.state.registers.value[rbp], 0x9000u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x8000u);
}

TEST(Stack, SixteenBitStacksWrapAndKeepTheUpperHalf) {
    TestKernel k;
    k.segments[TestProcessor::index(SegmentName::ss)].access_rights = 0x0093;
    k.state.registers.value[rsp] = 0x12340002;
    EXPECT_EQ(text(k.run({0x50})), "done"); // push %eax
    EXPECT_EQ(k.state.registers.value[rsp], 0x1234fffeu);
}

TEST(Branches, StayInsideTheCodeSegment) {
    TestKernel k;
    k.segments[TestProcessor::index(SegmentName::cs)].limit = 0x1fff;
    EXPECT_EQ(text(k.run({0xe9, 0xfb, 0x0f, 0, 0})), "13(0)"); // jmp 0x2000
    EXPECT_EQ(text(k.run({0xe8, 0xfa, 0x0f, 0, 0})), "done");  // call 0x1fff
    EXPECT_EQ(k.stack(0), 0x1005u);
    EXPECT_EQ(text(k.run({0x90})), "done");
    EXPECT_EQ(text(emulate(k)), "13(0)"); // fetch behind the limit
    k.state.rip = 0x1ffe;
    EXPECT_EQ(text(k.run({0xb0, 0x01})), "done"); // mov $1,%al: just inside
    k.state.rip = 0x1ffe;
    EXPECT_EQ(text(k.run({0xb8, 0x01})), "13(0)"); // mov $imm,%eax: its end is outside
    k.state.rip = 0x1000;
    EXPECT_EQ(text(k.run({0x66, 0xe9, 0x00, 0xf0})), "done"); // jmpw: 16 bits of eip
    EXPECT_EQ(k.state.rip, 0x4u);
}

TEST(Branches, LoopsCountAndIndirectOnesLoad) {
    TestKernel k;
    k.state.registers.value[rcx] = 2;
    EXPECT_EQ(text(k.run({0xe2, 0x10})), "done"); // loop
    EXPECT_EQ(k.state.rip, 0x1012u);
    k.state.rip = 0x1000;
    EXPECT_EQ(text(k.run({0xe2, 0x10})), "done");
    EXPECT_EQ(k.state.rip, 0x1002u);
    EXPECT_EQ(text(k.run({0xe3, 0x10})), "done"); // jecxz
    EXPECT_EQ(k.state.rip, 0x1014u);
    k.put<u32>(0x2000, 0x3000);
    EXPECT_EQ(text(k.run({0xff, 0x15, 0, 0x20, 0, 0})), "done"); // call *0x2000
    EXPECT_EQ(k.state.rip, 0x3000u);
    EXPECT_EQ(k.stack(0), 0x101au);
    EXPECT_EQ(text(k.run({0xc2, 8, 0})), "done"); // ret $8
    EXPECT_EQ(k.state.rip, 0x101au);
    EXPECT_EQ(k.state.registers.value[rsp], 0x8008u);
}

TEST(Bound, IsInclusive) {
    TestKernel k;
    k.put<u32>(0x2000, static_cast<u32>(-5));
    k.put<u32>(0x2004, 5);
    for (auto const& [value, result] : {std::pair{-5, "done"}, {5, "done"}, {6, "5"}, {-6, "5"}}) {
        k.state.rip = 0x1000;
        k.state.registers.value[rax] = static_cast<u32>(value);
        EXPECT_EQ(text(k.run({0x62, 0x05, 0, 0x20, 0, 0})), result); // bound %eax,0x2000
    }
}

TEST(Addresses, Of16Bits) {
    TestKernel k;
    k.segments[TestProcessor::index(SegmentName::cs)].access_rights = 0x009b;
    k.state.registers.value[rbx] = 0xffff2000;
    k.state.registers.value[rsi] = 0x10;
    k.state.registers.value[rbp] = 0x3000;
    k.put<u16>(0x2012, 0x1234);
    EXPECT_EQ(text(k.run({0x8b, 0x40, 0x02})), "done"); // mov 2(%bx,%si),%ax
    EXPECT_EQ(k.state.registers.value[rax], 0x1234u);
    k.segments[TestProcessor::index(SegmentName::ss)].base = 0x4000;
    k.put<u16>(0x7010, 0x5678);
    EXPECT_EQ(text(k.run({0x8b, 0x02})), "done"); // mov (%bp,%si),%ax: of the stack segment
    EXPECT_EQ(k.state.registers.value[rax], 0x5678u);
    k.put<u32>(0x2012, 0x89abcdef);
    EXPECT_EQ(text(k.run({0x66, 0x67, 0xa1, 0x12, 0x20, 0, 0})), "done"); // mov 0x2012,%eax
    EXPECT_EQ(k.state.registers.value[rax], 0x89abcdefu);
}

TEST(Segments, LimitTypeAndDirection) {
    struct {
        Segment segment;
        u32 offset;
        bool write;
        bool allowed;
    } const rows[] = {
        {{0x10, 0xc093, 0x2003, 0}, 0x2000, true, true},      // up to the limit
        {{0x10, 0xc093, 0x2002, 0}, 0x2000, true, false},     // one byte short
        {{0x10, 0xc091, 0xffffffff, 0}, 0x2000, true, false}, // read-only
        {{0x10, 0xc091, 0xffffffff, 0}, 0x2000, false, true},
        {{0x10, 0xc099, 0xffffffff, 0}, 0x2000, false, false}, // execute-only
        {{0x10, 0xc09b, 0xffffffff, 0}, 0x2000, false, true},
        {{0x10, 0xc09b, 0xffffffff, 0}, 0x2000, true, false},
        {{0x10, 0x4097, 0x1fff, 0}, 0x2000, true, true}, // expand-down: above the limit
        {{0x10, 0x4097, 0x2000, 0}, 0x2000, true, false},
        {{0x10, 0x0097, 0x1fff, 0}, 0xfffe, true, false}, // ... up to 64 KiB
        {{0, 0x10000, 0, 0}, 0x2000, false, false},       // null
    };
    for (auto const& row : rows) {
        TestKernel k;
        k.segments[TestProcessor::index(SegmentName::es)] = row.segment;
        k.segments[TestProcessor::index(SegmentName::ss)] = row.segment;
        u8 const low = static_cast<u8>(row.offset), high = static_cast<u8>(row.offset >> 8);
        u8 const opcode = row.write ? 0x89 : 0x8b; // mov between %es:offset and %eax
        EXPECT_EQ(text(k.run({0x26, opcode, 0x05, low, high, 0, 0})),
                  row.allowed ? "done" : "13(0)");
        k.state.rip = 0x1000;
        EXPECT_EQ(text(k.run({0x36, opcode, 0x05, low, high, 0, 0})),
                  row.allowed ? "done" : "12(0)");
    }
}

TEST(Devices, GetOneAccessOfTheOperandsWidth) {
    struct {
        Code code; // with (%ecx)
        char const* log;
    } const rows[] = {
        {{0x89, 0x01}, "w4 "},          {{0x8b, 0x01}, "r4 "},       {{0x66, 0x89, 0x01}, "w2 "},
        {{0x88, 0x01}, "w1 "},          {{0x0f, 0xb6, 0x01}, "r1 "}, {{0x09, 0x01}, "r4 w4 "},
        {{0x85, 0x01}, "r4 "},          {{0x87, 0x01}, "r4 w4 "},    {{0xff, 0x01}, "r4 w4 "},
        {{0x0f, 0xab, 0x01}, "r4 w4 "}, {{0xff, 0x31}, "r4 "},       {{0x8f, 0x01}, "w4 "},
        {{0x0f, 0xc7, 0x09}, "r8 w8 "}, {{0x39, 0x01}, "r4 "},       {{0xc6, 0x01, 0x05}, "w1 "},
    };
    for (auto const& row : rows) {
        TestKernel k;
        k.pages[0x20] = TestProcessor::Rights::device;
        k.state.registers.value[rcx] = 0x20008;
        EXPECT_EQ(text(k.run(row.code)), "done");
        EXPECT_EQ(k.log, row.log) << std::hex << +row.code[0];
    }
}

TEST(Strings, ReportProgressAtFaultsAndAfterManyRepetitions) {
    TestKernel k;
    k.pages[3] = TestProcessor::Rights::read_only;
    k.state.registers.value[rcx] = 4;
    k.state.registers.value[rdi] = 0x2ff8;
    k.state.registers.value[rax] = 0x55;
    auto const result = k.run({0xf3, 0xab}); // rep stosl
    EXPECT_EQ(text(result), "14(3)");
    EXPECT_EQ(result.exception.address, 0x3000u);
    EXPECT_EQ(k.state.registers.value[rcx], 2u);
    EXPECT_EQ(k.state.registers.value[rdi], 0x3000u);
    EXPECT_EQ(k.state.rip, 0x1000u);
    k.state.registers.value[rcx] = 5000;
    k.state.registers.value[rdi] = 0x14000;
    EXPECT_EQ(text(k.run({0xf3, 0xab})), "repeat");
    EXPECT_EQ(k.state.registers.value[rcx], 5000u - 4096);
    EXPECT_EQ(k.state.rip, 0x1000u);
    EXPECT_EQ(text(emulate(k)), "done");
    EXPECT_EQ(k.state.registers.value[rdi], 0x14000u + 20000);
}

TEST(Alignment, IsCheckedInUserModeThatAsksForIt) {
    TestKernel k;
    k.control[0] |= cr0::AlignmentMask::mask;
    k.state.rflags |= 1 << 18;
    k.state.registers.value[rcx] = 0x2001;
    EXPECT_EQ(text(k.run({0x8b, 0x01})), "done"); // mov (%ecx),%eax
    k.enter_user_mode();
    EXPECT_EQ(text(k.run({0x8b, 0x01})), "17(0)");
    EXPECT_EQ(text(k.run({0x8a, 0x01})), "done"); // one byte is always aligned
}

TEST(Fetch, ReachesTheNextPageOnlyWhenItMust) {
    TestKernel k;
    k.pages[2] = TestProcessor::Rights::none;
    k.state.rip = 0x1fff;
    k.put<u8>(0x1fff, 0x40); // inc %eax
    EXPECT_EQ(text(emulate(k)), "done");
    k.state.rip = 0x1fff;
    k.put<u8>(0x1fff, 0xb0); // mov $imm,%al
    auto const result = emulate(k);
    EXPECT_EQ(text(result), "14(0)");
    EXPECT_EQ(result.exception.address, 0x2000u);
    k.pages.clear();
    k.put<u8>(0x2000, 9);
    EXPECT_EQ(text(emulate(k)), "done");
    EXPECT_EQ(k.state.registers.value[rax], 9u);
    EXPECT_EQ(text(k.run(Code(16, 0x66))), "13(0)"); // more than 15 bytes
}

TEST(DecodeCache, DistinguishesModesAndBytes) {
    DecodeCache cache;
    Code const code{0x48, 0x89, 0x01}; // dec %eax; or mov %rax,(%rcx)
    EXPECT_EQ(cache.decode(code, Mode::protected32)->length, 1);
    EXPECT_EQ(cache.decode(code, Mode::long64)->length, 3);
    EXPECT_EQ(cache.decode(code, Mode::protected32)->length, 1);
    Code const other{0x48, 0x89, 0x02};
    EXPECT_EQ(cache.decode(other, Mode::long64)->base, rdx);
    EXPECT_EQ(cache.decode(code, Mode::long64)->base, rcx);
    EXPECT_EQ(cache.decode(std::span(code).first(2), Mode::long64).error(), BadCode::cut_off);
    Code immediate{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}; // movabs
    EXPECT_EQ(cache.decode(immediate, Mode::long64)->immediate, 0x0807060504030201u);
    immediate[9] = 9; // same hash, another last byte
    EXPECT_EQ(cache.decode(immediate, Mode::long64)->immediate, 0x0907060504030201u);
}

} // namespace
} // namespace x86

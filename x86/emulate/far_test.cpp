// SPDX-License-Identifier: Apache-2.0
// Far transfers and segment loads: who may go where, and what is left behind (Intel SDM vol. 2 and
// vol. 3, chapter 5).
#include "base/gtest.hpp"
#include "x86/emulate/test_kernel.hpp"

namespace x86 {
namespace {

enum : unsigned { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi };
using Code = std::vector<u8>;
using namespace selectors;

Code far(u8 opcode, u16 selector, u32 offset) {
    return {opcode,
            static_cast<u8>(offset),
            static_cast<u8>(offset >> 8),
            static_cast<u8>(offset >> 16),
            static_cast<u8>(offset >> 24),
            static_cast<u8>(selector),
            static_cast<u8>(selector >> 8)};
}
Code jump(u16 selector, u32 offset = 0x3000) { return far(0xea, selector, offset); }
Code call(u16 selector, u32 offset = 0x3000) { return far(0x9a, selector, offset); }

struct Row {
    u16 selector;
    bool user; // at level 3
    char const* result;
};

TEST(FarJump, GoesWhereTheDescriptorAllows) {
    constexpr Row rows[] = {
        {code, false, "done"},         {code16, false, "done"},
        {conforming, true, "done"},    {user_code, true, "done"},
        {user_code, false, "13(18)"},  {code, true, "13(8)"},
        {0, false, "13(0)"},           {3, false, "13(0)"},
        {data, false, "13(10)"},       {absent, false, "13(38)"},
        {outside, false, "13(88)"},    {task, false, "unsupported task switch"},
        {local, false, "13(48)"},      {short_code, false, "13(0)"},
        {gate, false, "done"},         {inner_gate, true, "13(70)"},
        {execute_only, false, "done"}, {0x0c, false, "13(c)"},
    };
    for (auto const& row : rows) {
        TestKernel k;
        if (row.user) k.enter_user_mode();
        EXPECT_EQ(text(k.run(jump(row.selector))), row.result) << std::hex << row.selector;
        bool const done = std::string_view(row.result) == "done";
        u64 const target = row.selector == gate ? TestKernel::gate_target : 0x3000;
        EXPECT_EQ(k.state.rip, done ? target : 0x1000u);
        EXPECT_EQ(k.cpl(), row.user ? 3u : 0u) << "jumps never change the level";
    }
}

TEST(FarJump, MarksTheSegmentAccessed) {
    TestKernel k;
    EXPECT_FALSE(k.accessed(conforming));
    EXPECT_EQ(text(k.run(jump(conforming))), "done");
    EXPECT_TRUE(k.accessed(conforming));
    EXPECT_EQ(k.selector(SegmentName::cs), conforming);
}

TEST(FarJump, NotPresentCodeIsAnExceptionOfItsOwn) {
    TestKernel k;
    k.put_segment(code16, 0x001b, 0, 0xffff);
    EXPECT_EQ(text(k.run(jump(code16))), "11(50)");
}

TEST(FarCall, LeavesTheReturnAddress) {
    TestKernel k;
    EXPECT_EQ(text(k.run(call(code))), "done");
    EXPECT_EQ(k.state.registers.value[rsp], 0x7ff8u);
    EXPECT_EQ(k.stack(0), 0x1007u);
    EXPECT_EQ(k.stack(1), code);
}

TEST(FarCall, ThroughAGateCopiesParametersToTheInnerStack) {
    TestKernel k;
    k.enter_user_mode();
    k.put<u32>(0x8000, 0xaaaa);
    k.put<u32>(0x8004, 0xbbbb);
    EXPECT_EQ(text(k.run(call(gate))), "done");
    EXPECT_EQ(k.state.rip, TestKernel::gate_target);
    EXPECT_EQ(k.selector(SegmentName::cs), code);
    EXPECT_EQ(k.selector(SegmentName::ss), data);
    EXPECT_EQ(k.state.registers.value[rsp], TestKernel::kernel_stack - 24);
    u32 const expected[] = {0x1007, user_code, 0xaaaa, 0xbbbb, 0x8000, user_data};
    for (unsigned i = 0; i < 6; ++i) EXPECT_EQ(k.stack(i), expected[i]) << i;
}

TEST(FarCall, WithoutAStackInTheTaskIsRefused) {
    TestKernel k;
    k.enter_user_mode();
    k.put<u16>(TestKernel::task_at + 8, 0);
    EXPECT_EQ(text(k.run(call(gate))), "10(0)");
    k.put<u16>(TestKernel::task_at + 8, user_data); // not of that level
    EXPECT_EQ(text(k.run(call(gate))), "10(20)");
    k.put<u16>(TestKernel::task_at + 8, absent);
    EXPECT_EQ(text(k.run(call(gate))), "12(38)");
    k.segments[TestProcessor::index(SegmentName::tr)].limit = 7;
    EXPECT_EQ(text(k.run(call(gate))), "10(28)");
    EXPECT_EQ(k.cpl(), 3u);
}

TEST(FarReturn, ToTheOuterLevelTakesItsStackAndHidesInnerSegments) {
    TestKernel k;
    k.put<u32>(0x8000, 0x4000);
    k.put<u32>(0x8004, user_code);
    k.put<u32>(0x8010, 0x6000); // behind eight bytes of arguments
    k.put<u32>(0x8014, user_data);
    k.segments[TestProcessor::index(SegmentName::es)] = TestProcessor::flat(user_data, 0xc0f3);
    EXPECT_EQ(text(k.run({0xca, 8, 0})), "done"); // lret $8
    EXPECT_EQ(k.state.rip, 0x4000u);
    EXPECT_EQ(k.cpl(), 3u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x6008u);
    EXPECT_EQ(k.selector(SegmentName::ds), 0); // was the kernel's
    EXPECT_EQ(k.selector(SegmentName::es), user_data);
}

TEST(FarReturn, NeverGoesInward) {
    TestKernel k;
    k.enter_user_mode();
    k.put<u32>(0x8000, 0x4000);
    k.put<u32>(0x8004, code);
    EXPECT_EQ(text(k.run({0xcb})), "13(8)");
}

struct InterruptFrame {
    u32 eip, cs, eflags, esp, ss;
};
void put_frame(TestKernel& k, InterruptFrame const& frame) { k.put(0x8000, frame); }
Code const iret{0xcf};

TEST(InterruptReturn, ToTheSameLevelPopsThreeWords) {
    TestKernel k;
    put_frame(k, {0x4000, code, 0x3246, 0, 0});
    EXPECT_EQ(text(k.run(iret)), "done");
    EXPECT_EQ(k.state.rip, 0x4000u);
    EXPECT_EQ(k.state.rflags, 0x3246u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x800cu);
}

TEST(InterruptReturn, ToUserModePopsTheStackToo) {
    TestKernel k;
    put_frame(k, {0x4000, user_code, 0x202, 0x6000, user_data});
    EXPECT_EQ(text(k.run(iret)), "done");
    EXPECT_EQ(k.cpl(), 3u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x6000u);
    EXPECT_EQ(k.selector(SegmentName::ss), user_data);
    EXPECT_EQ(k.selector(SegmentName::ds), 0);
}

TEST(InterruptReturn, UserModeChangesNeitherTheInterruptFlagNorIopl) {
    TestKernel k;
    k.enter_user_mode();
    k.state.rflags = 0x202;
    put_frame(k, {0x4000, user_code, 0x3047, 0, 0});
    EXPECT_EQ(text(k.run(iret)), "done");
    EXPECT_EQ(k.state.rflags, 0x247u);
}

TEST(InterruptReturn, ChecksWhereItGoes) {
    struct {
        InterruptFrame frame;
        char const* result;
    } const rows[] = {
        {{0x4000, 0, 2, 0, 0}, "13(0)"},
        {{0x4000, data, 2, 0, 0}, "13(10)"},
        {{0x4000, outside, 2, 0, 0}, "13(88)"},
        {{0x4000, short_code, 2, 0, 0}, "13(0)"},      // behind its limit
        {{0x4000, user_code - 3u, 2, 0, 0}, "13(18)"}, // RPL 0, DPL 3
        {{0x4000, user_code, 2, 0x6000, 0}, "13(0)"},
        {{0x4000, user_code, 2, 0x6000, data}, "13(10)"},
        {{0x4000, user_code, 2, 0x6000, absent | 3}, "13(38)"}, // DPL 0
    };
    for (auto const& row : rows) {
        TestKernel k;
        put_frame(k, row.frame);
        EXPECT_EQ(text(k.run(iret)), row.result) << std::hex << row.frame.cs << " " << row.frame.ss;
        EXPECT_EQ(k.state.registers.value[rsp], 0x8000u);
    }
    TestKernel k;
    k.put_segment(user_data, 0xc073, 0, 0xfffff); // not present
    put_frame(k, {0x4000, user_code, 2, 0x6000, user_data});
    EXPECT_EQ(text(k.run(iret)), "12(20)");
    k.state.rflags |= 1 << 14; // NT
    EXPECT_EQ(text(k.run(iret)), "unsupported task switch");
}

TEST(InterruptReturn, InLongModeAlwaysPopsFiveWords) {
    TestKernel k;
    k.use_long_mode();
    u64 const frame[] = {0x4000, long_code, 0x202, 0x6000, data};
    for (unsigned i = 0; i < 5; ++i) k.put(0x8000 + 8 * i, frame[i]);
    EXPECT_EQ(text(k.run({0x48, 0xcf})), "done");
    EXPECT_EQ(k.state.rip, 0x4000u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x6000u);
    k.put<u64>(0x6000, 0x0000800000000000); // not canonical
    k.put<u64>(0x6008, long_code);
    EXPECT_EQ(text(k.run({0x48, 0xcf})), "13(0)");
}

TEST(FastSystemCalls, LoadFlatSegments) {
    TestKernel k;
    EXPECT_EQ(text(k.run({0x0f, 0x34})), "13(0)"); // no selector in the MSR
    k.msrs = {{0x174, code}, {0x175, 0x7000}, {0x176, 0x4000}};
    k.enter_user_mode();
    k.state.rflags = 0x202;
    EXPECT_EQ(text(k.run({0x0f, 0x34})), "done"); // sysenter
    EXPECT_EQ(k.state.rip, 0x4000u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x7000u);
    EXPECT_EQ(k.state.rflags, 2u);
    EXPECT_EQ(k.selector(SegmentName::cs), code);
    EXPECT_EQ(k.selector(SegmentName::ss), data);
    k.state.registers.value[rdx] = 0x2000;
    k.state.registers.value[rcx] = 0x6000;
    EXPECT_EQ(text(k.run({0x0f, 0x35})), "done"); // sysexit
    EXPECT_EQ(k.state.rip, 0x2000u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x6000u);
    EXPECT_EQ(k.selector(SegmentName::cs), user_code);
    EXPECT_EQ(k.selector(SegmentName::ss), user_data);
    EXPECT_EQ(text(k.run({0x0f, 0x35})), "13(0)"); // not in user mode
}

TEST(SegmentLoads, FollowTheDescriptor) {
    struct {
        Code code;
        u16 selector;
        bool user;
        char const* result;
    } const rows[] = {
        {{0x8e, 0xd8}, data, false, "done"},        {{0x8e, 0xd8}, 0, false, "done"},
        {{0x8e, 0xd8}, data, true, "13(10)"},       {{0x8e, 0xd8}, absent, false, "11(38)"},
        {{0x8e, 0xd8}, code, false, "done"},        {{0x8e, 0xd8}, execute_only, false, "13(60)"},
        {{0x8e, 0xd8}, conforming, true, "done"},   {{0x8e, 0xd8}, task, false, "13(28)"},
        {{0x8e, 0xd8}, data | 3, false, "13(10)"},  {{0x8e, 0xd0}, data, false, "done"},
        {{0x8e, 0xd0}, 0, false, "13(0)"},          {{0x8e, 0xd0}, data | 1, false, "13(10)"},
        {{0x8e, 0xd0}, read_only, false, "13(58)"}, {{0x8e, 0xd0}, absent, false, "12(38)"},
        {{0x8e, 0xd0}, user_data, false, "13(20)"}, {{0x8e, 0xc8}, data, false, "6"}, // mov %ax,%cs
    };
    for (auto const& row : rows) {
        TestKernel k;
        if (row.user) k.enter_user_mode();
        k.state.registers.value[rax] = row.selector;
        EXPECT_EQ(text(k.run(row.code)), row.result) << std::hex << row.selector;
    }
}

TEST(SegmentLoads, StackSegmentsHoldInterruptsBackForOneInstruction) {
    TestKernel k;
    k.state.registers.value[rax] = data;
    EXPECT_EQ(text(k.run({0x8e, 0xd0})), "done");
    EXPECT_EQ(k.log, "block ");
}

TEST(SegmentLoads, FarPointersAndPops) {
    TestKernel k;
    k.put<u32>(0x2000, 0x12345678);
    k.put<u16>(0x2004, user_data);
    EXPECT_EQ(text(k.run({0xc4, 0x1d, 0x00, 0x20, 0, 0})), "done"); // les 0x2000,%ebx
    EXPECT_EQ(k.state.registers.value[rbx], 0x12345678u);
    EXPECT_EQ(k.selector(SegmentName::es), user_data);
    k.put<u16>(0x2004, absent);
    EXPECT_EQ(text(k.run({0xc4, 0x1d, 0x00, 0x20, 0, 0})), "11(38)");
    k.put<u32>(0x8000, data);
    EXPECT_EQ(text(k.run({0x07})), "done"); // pop %es
    EXPECT_EQ(k.selector(SegmentName::es), data);
    EXPECT_EQ(k.state.registers.value[rsp], 0x8004u);
}

TEST(SegmentQuestions, AnswerWithTheZeroFlag) {
    struct {
        Code code; // about %cx
        u16 selector;
        bool zero_flag;
        u32 result; // in %eax
    } const rows[] = {
        {{0x0f, 0x02, 0xc1}, data, true, 0xc09300},
        {{0x0f, 0x02, 0xc1}, task, true, 0x008900},
        {{0x0f, 0x02, 0xc1}, gate, true, 0x00ec00},
        {{0x0f, 0x02, 0xc1}, 0, false, 0x55},
        {{0x0f, 0x03, 0xc1}, data, true, 0xffffffff},
        {{0x0f, 0x03, 0xc1}, code16, true, 0xffff},
        {{0x0f, 0x03, 0xc1}, gate, false, 0x55},
        {{0x0f, 0x03, 0xc1}, outside, false, 0x55},
        {{0x0f, 0x00, 0xe1}, data, true, 0x55},
        {{0x0f, 0x00, 0xe1}, execute_only, false, 0x55},
        {{0x0f, 0x00, 0xe9}, data, true, 0x55},
        {{0x0f, 0x00, 0xe9}, read_only, false, 0x55},
        {{0x0f, 0x00, 0xe9}, code, false, 0x55},
    };
    for (auto const& row : rows) {
        TestKernel k;
        k.state.registers.value[rax] = 0x55;
        k.state.registers.value[rcx] = row.selector;
        EXPECT_EQ(text(k.run(row.code)), "done");
        EXPECT_EQ((k.state.rflags & 0x40) != 0, row.zero_flag) << std::hex << row.selector;
        EXPECT_EQ(k.state.registers.value[rax], row.result) << std::hex << row.selector;
    }
    TestKernel k;
    k.enter_user_mode();
    k.state.registers.value[rcx] = data; // not visible from there
    EXPECT_EQ(text(k.run({0x0f, 0x02, 0xc1})), "done");
    EXPECT_EQ(k.state.rflags & 0x40, 0u);
}

TEST(SystemSegments, LoadLocalTableAndTask) {
    TestKernel k;
    k.state.registers.value[rax] = local;
    EXPECT_EQ(text(k.run({0x0f, 0x00, 0xd0})), "done"); // lldt %ax
    EXPECT_EQ(k.segments[TestProcessor::index(SegmentName::ldtr)].base, TestKernel::ldt_at);
    k.put<u64>(TestKernel::ldt_at + 8, k.get<u64>(TestKernel::gdt_at + data)); // selector 0x0c
    k.state.registers.value[rax] = 0x0c;
    EXPECT_EQ(text(k.run({0x8e, 0xd8})), "done");        // mov %ax,%ds
    EXPECT_EQ(text(k.run({0x0f, 0x00, 0xd0})), "13(c)"); // an LDT can't be in the LDT
    k.state.registers.value[rax] = task;
    EXPECT_EQ(text(k.run({0x0f, 0x00, 0xd8})), "done");        // ltr %ax
    EXPECT_EQ(k.get<u8>(TestKernel::gdt_at + task + 5), 0x8b); // busy
    EXPECT_EQ(text(k.run({0x0f, 0x00, 0xd8})), "13(28)");
    k.enter_user_mode();
    EXPECT_EQ(text(k.run({0x0f, 0x00, 0xd8})), "13(0)");
}

} // namespace
} // namespace x86

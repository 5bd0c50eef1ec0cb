// SPDX-License-Identifier: Apache-2.0
// Privileged and sensitive instructions: what they do, and to whom they are refused.
#include "base/gtest.hpp"
#include "x86/emulate/test_kernel.hpp"

namespace x86 {
namespace {

enum : unsigned { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi };
using Code = std::vector<u8>;
constexpr u64 interrupt_flag = 0x200, iopl3 = 0x3000;

TEST(Privileged, InUserModeAllAreRefused) {
    Code const codes[] = {
        {0xf4},             // hlt
        {0x0f, 0x06},       // clts
        {0x0f, 0x08},       // invd
        {0x0f, 0x09},       // wbinvd
        {0x0f, 0x20, 0xc0}, // mov %cr0,%eax
        {0x0f, 0x22, 0xd8}, // mov %eax,%cr3
        {0x0f, 0x21, 0xf8}, // mov %db7,%eax
        {0x0f, 0x23, 0xc0}, // mov %eax,%db0
        {0x0f, 0x30},       // wrmsr
        {0x0f, 0x32},       // rdmsr
        {0x0f, 0x01, 0x10}, // lgdt (%eax)
        {0x0f, 0x01, 0x18}, // lidt (%eax)
        {0x0f, 0x01, 0xf0}, // lmsw %ax
        {0x0f, 0x01, 0x38}, // invlpg (%eax)
        {0x0f, 0x00, 0xd0}, // lldt %ax
        {0xfa},             // cli
        {0xfb},             // sti
        {0xe4, 0x80},       // in $0x80,%al
        {0xef},             // out %eax,(%dx)
        {0x6e},             // outsb
    };
    for (auto const& code : codes) {
        TestKernel k;
        k.enter_user_mode();
        EXPECT_EQ(text(k.run(code)), "13(0)") << std::hex << +code[0] << " " << +code.back();
        EXPECT_EQ(k.log, "");
    }
}

TEST(InterruptFlag, FollowsIopl) {
    TestKernel k;
    k.enter_user_mode();
    k.state.rflags = 2 | iopl3;
    EXPECT_EQ(text(k.run({0xfb})), "done"); // sti
    EXPECT_EQ(k.state.rflags, 2 | iopl3 | interrupt_flag);
    EXPECT_EQ(k.log, "block ");
    EXPECT_EQ(text(k.run({0xfb})), "done"); // was set already: nothing to hold back
    EXPECT_EQ(k.log, "block ");
    EXPECT_EQ(text(k.run({0xfa})), "done"); // cli
    EXPECT_EQ(k.state.rflags, 2 | iopl3);
}

TEST(Flags, PopfChangesWhatTheLevelMayChange) {
    struct {
        bool user;
        u64 before, popped, after;
    } const rows[] = {
        {false, 0x2, 0x3246, 0x3246},     // all at level 0
        {true, 0x2, 0x3246, 0x46},        // neither IF nor IOPL, silently
        {true, 0x3202, 0x46, 0x3046},     // IF with IOPL 3, IOPL never
        {false, 0x10002, 0x2, 0x2},       // RF is cleared
        {false, 0x2, 0x20002, 0x2},       // VM can't be set this way
        {false, 0x2, 0x244002, 0x244002}, // NT, AC, ID
    };
    for (auto const& row : rows) {
        TestKernel k;
        if (row.user) k.enter_user_mode();
        k.state.rflags = row.before;
        k.put<u32>(0x8000, static_cast<u32>(row.popped));
        EXPECT_EQ(text(k.run({0x9d})), "done");
        EXPECT_EQ(k.state.rflags, row.after) << std::hex << row.popped;
        EXPECT_EQ(k.state.registers.value[rsp], 0x8004u);
    }
}

TEST(Flags, PushfHidesTheResumeFlag) {
    TestKernel k;
    k.state.rflags = 0x10246;
    EXPECT_EQ(text(k.run({0x9c})), "done");
    EXPECT_EQ(k.stack(0), 0x246u);
    EXPECT_EQ(text(k.run({0x66, 0x9c})), "done"); // pushfw
    EXPECT_EQ(k.state.registers.value[rsp], 0x7ffau);
}

TEST(Flags, ASingleStepTrapsBehindTheInstruction) {
    TestKernel k;
    k.state.rflags |= 0x100;
    EXPECT_EQ(text(k.run({0x90})), "1");
    EXPECT_EQ(k.state.rip, 0x1001u);
    EXPECT_EQ(k.debug[6], u64{1} << 14);
    k.state.registers.value[rcx] = 3;
    k.state.registers.value[rdi] = 0x2000;
    EXPECT_EQ(text(k.run({0xf3, 0xaa})), "1"); // rep stosb: after each repetition
    EXPECT_EQ(k.state.registers.value[rcx], 2u);
    EXPECT_EQ(k.state.rip, 0x1001u);
}

TEST(Flags, ASingleStepOfAStackSegmentTakesTheNextInstructionAlong) {
    TestKernel k;
    k.state.rflags |= 0x100;
    k.state.registers.value[rax] = selectors::data;
    EXPECT_EQ(text(k.run({0x8e, 0xd0})), "done"); // mov %eax,%ss
    EXPECT_EQ(text(k.run({0x90})), "1");
    EXPECT_EQ(text(k.run({0x8e, 0xd8})), "1"); // mov %eax,%ds
}

TEST(Halt, StandsBehindTheInstruction) {
    TestKernel k;
    EXPECT_EQ(text(k.run({0xf4})), "halt");
    EXPECT_EQ(k.state.rip, 0x1001u);
}

TEST(Ports, GoByWidth) {
    TestKernel k;
    k.state.registers.value[rax] = 0x11223344;
    k.state.registers.value[rdx] = 0x3f8;
    EXPECT_EQ(text(k.run({0xe4, 0x60})), "done"); // in $0x60,%al
    EXPECT_EQ(k.state.registers.value[rax], 0x112233ddu);
    EXPECT_EQ(text(k.run({0x66, 0xef})), "done"); // out %ax,(%dx)
    EXPECT_EQ(text(k.run({0xed})), "done");       // in (%dx),%eax
    EXPECT_EQ(k.state.registers.value[rax], 0xaabbccddu);
    EXPECT_EQ(k.log, "in1:96 out2:1016=13277 in4:1016 ");
}

TEST(Ports, TheTaskSaysWhichOnesUserModeMayUse) {
    TestKernel k;
    k.enter_user_mode();
    auto& task = k.segments[TestProcessor::index(SegmentName::tr)];
    task.limit = 0x100;
    k.put<u16>(TestKernel::task_at + 102, 0x68);
    k.put<u16>(TestKernel::task_at + 0x68 + 0x60 / 8, 0xfffe); // port 0x60 only
    EXPECT_EQ(text(k.run({0xe4, 0x60})), "done");
    EXPECT_EQ(text(k.run({0x66, 0xe5, 0x60})), "13(0)"); // two ports
    EXPECT_EQ(text(k.run({0xe4, 0x61})), "13(0)");
    task.limit = 0x68 + 0x60 / 8; // the map is always read as two bytes
    EXPECT_EQ(text(k.run({0xe4, 0x60})), "13(0)");
}

TEST(Ports, Strings) {
    TestKernel k;
    k.state.registers.value[rdx] = 0x20;
    k.state.registers.value[rcx] = 2;
    k.state.registers.value[rdi] = 0x2000;
    EXPECT_EQ(text(k.run({0xf3, 0x6d})), "done"); // rep insl
    EXPECT_EQ(k.get<u64>(0x2000), 0xaabbccddaabbccddu);
    k.state.registers.value[rcx] = 2;
    k.state.registers.value[rsi] = 0x2fff;
    k.put<u8>(0x2fff, 7);
    k.pages[3] = TestProcessor::Rights::none;
    auto const result = k.run({0xf3, 0x6e}); // rep outsb
    EXPECT_EQ(text(result), "14(0)");
    EXPECT_EQ(result.exception.address, 0x3000u);
    EXPECT_EQ(k.state.registers.value[rcx], 1u);
    EXPECT_EQ(k.log, "in4:32 in4:32 out1:32=7 ");
}

TEST(ControlRegisters, MoveToAndFro) {
    TestKernel k;
    k.state.registers.value[rax] = 0x12345000;
    EXPECT_EQ(text(k.run({0x0f, 0x22, 0xd8})), "done"); // mov %eax,%cr3
    EXPECT_EQ(k.control[3], 0x12345000u);
    EXPECT_EQ(text(k.run({0x0f, 0x20, 0xd9})), "done"); // mov %cr3,%ecx
    EXPECT_EQ(k.state.registers.value[rcx], 0x12345000u);
    EXPECT_EQ(text(k.run({0x0f, 0x20, 0xc8})), "6"); // CR1
    EXPECT_EQ(text(k.run({0x0f, 0x20, 0xf8})), "6"); // CR7
    k.control[0] |= 8;
    EXPECT_EQ(text(k.run({0x0f, 0x06})), "done"); // clts
    EXPECT_EQ(k.control[0], 0x11u);
    k.use_long_mode();
    k.state.registers.value[rax] = TestProcessor::refused;
    EXPECT_EQ(text(k.run({0x0f, 0x22, 0xe0})), "13(0)"); // mov %rax,%cr4
    k.state.registers.value[rax] = 5;
    EXPECT_EQ(text(k.run({0x44, 0x0f, 0x22, 0xc0})), "done"); // mov %rax,%cr8
    EXPECT_EQ(k.control[8], 5u);
}

TEST(ControlRegisters, MachineStatusWord) {
    TestKernel k;
    k.control[0] = 0x80000031;
    k.state.registers.value[rax] = 0xe;                 // all but PE
    EXPECT_EQ(text(k.run({0x0f, 0x01, 0xf0})), "done"); // lmsw %ax
    EXPECT_EQ(k.control[0], 0x8000003fu);
    EXPECT_EQ(text(k.run({0x0f, 0x01, 0xe1})), "done"); // smsw %ecx
    EXPECT_EQ(k.state.registers.value[rcx], 0x8000003fu);
    k.put<u32>(0x2000, 0x55555555);
    EXPECT_EQ(text(k.run({0x0f, 0x01, 0x25, 0x00, 0x20, 0, 0})), "done"); // smsw 0x2000
    EXPECT_EQ(k.get<u32>(0x2000), 0x5555003fu);
}

TEST(DebugRegisters, OldNamesAndGeneralDetect) {
    TestKernel k;
    k.state.registers.value[rax] = 0x400;
    EXPECT_EQ(text(k.run({0x0f, 0x23, 0xe8})), "done"); // mov %eax,%db5 is DR7
    EXPECT_EQ(k.debug[7], 0x400u);
    k.control[4] = 8; // DE
    EXPECT_EQ(text(k.run({0x0f, 0x23, 0xe8})), "6");
    k.debug[7] |= 1 << 13; // GD
    EXPECT_EQ(text(k.run({0x0f, 0x21, 0xc0})), "1");
    EXPECT_EQ(k.debug[6], u64{1} << 13);
}

TEST(TableRegisters, LoadAndStore) {
    TestKernel k;
    k.put<u16>(0x2000, 0x1ff);
    k.put<u32>(0x2002, 0xff123456);
    EXPECT_EQ(text(k.run({0x0f, 0x01, 0x1d, 0x00, 0x20, 0, 0})), "done"); // lidt 0x2000
    EXPECT_EQ(k.idt.base, 0xff123456u);
    EXPECT_EQ(k.idt.limit, 0x1ff);
    EXPECT_EQ(text(k.run({0x0f, 0x01, 0x0d, 0x10, 0x20, 0, 0})), "done"); // sidt 0x2010
    EXPECT_EQ(k.get<u16>(0x2010), 0x1ff);
    EXPECT_EQ(k.get<u32>(0x2012), 0xff123456u);
    EXPECT_EQ(text(k.run({0x66, 0x0f, 0x01, 0x1d, 0x00, 0x20, 0, 0})),
              "done"); // lidtw: 24 bits of base
    EXPECT_EQ(k.idt.base, 0x123456u);
    k.use_long_mode();
    k.put<u64>(0x2002, 0x0000800000000000);
    EXPECT_EQ(text(k.run({0x0f, 0x01, 0x14, 0x25, 0x00, 0x20, 0, 0})),
              "13(0)"); // lgdt 0x2000: not canonical
}

TEST(TableRegisters, UserModeMayReadThemUnlessPrevented) {
    Code const codes[] = {
        {0x0f, 0x01, 0x05, 0, 0x20, 0, 0}, // sgdt 0x2000
        {0x0f, 0x01, 0x0d, 0, 0x20, 0, 0}, // sidt 0x2000
        {0x0f, 0x00, 0xc0},                // sldt %eax
        {0x0f, 0x00, 0xc8},                // str %eax
        {0x0f, 0x01, 0xe0},                // smsw %eax
    };
    for (auto const& code : codes) {
        TestKernel k;
        k.enter_user_mode();
        EXPECT_EQ(text(k.run(code)), "done");
        k.control[4] = 1 << 11; // UMIP
        k.state.rip = 0x1000;
        EXPECT_EQ(text(k.run(code)), "13(0)");
    }
    TestKernel k;
    EXPECT_EQ(text(k.run({0x0f, 0x00, 0xc8})), "done");
    EXPECT_EQ(k.state.registers.value[rax], selectors::task);
}

TEST(Caches, AndTranslations) {
    TestKernel k;
    k.segments[TestProcessor::index(SegmentName::fs)].base = 0x100000;
    EXPECT_EQ(text(k.run({0x64, 0x0f, 0x01, 0x3d, 0x34, 0x12, 0, 0})), "done"); // invlpg %fs:0x1234
    EXPECT_EQ(text(k.run({0x0f, 0x09})), "done");                               // wbinvd
    EXPECT_EQ(k.log, "invlpg:1053236 flush ");
}

TEST(ModelSpecificRegisters, ExistOrFault) {
    TestKernel k;
    k.msrs[0x10] = 0x1122334455667788;
    k.state.registers.value[rcx] = 0x10;
    EXPECT_EQ(text(k.run({0x0f, 0x32})), "done"); // rdmsr
    EXPECT_EQ(k.state.registers.value[rax], 0x55667788u);
    EXPECT_EQ(k.state.registers.value[rdx], 0x11223344u);
    k.state.registers.value[rax] = 1;
    EXPECT_EQ(text(k.run({0x0f, 0x30})), "done"); // wrmsr
    EXPECT_EQ(k.msrs[0x10], 0x1122334400000001u);
    k.state.registers.value[rcx] = 0x11;
    EXPECT_EQ(text(k.run({0x0f, 0x32})), "13(0)");
    EXPECT_EQ(text(k.run({0x0f, 0x30})), "13(0)");
}

TEST(Identification, AndTime) {
    TestKernel k;
    k.state.registers.value[rax] = 6;
    k.state.registers.value[rcx] = 1;
    EXPECT_EQ(text(k.run({0x0f, 0xa2})), "done"); // cpuid
    EXPECT_EQ(k.state.registers.value[rax], 7u);
    EXPECT_EQ(k.state.registers.value[rcx], 4u);
    EXPECT_EQ(text(k.run({0x0f, 0x31})), "done"); // rdtsc
    EXPECT_EQ(k.state.registers.value[rdx], 0x11223344u);
    k.enter_user_mode();
    k.control[4] = 4; // TSD
    EXPECT_EQ(text(k.run({0x0f, 0x31})), "13(0)");
}

TEST(Others, AreNamed) {
    struct {
        Code code;
        char const* result;
    } const rows[] = {
        {{0x0f, 0x01, 0xc1}, "hypercall"},          // vmcall
        {{0x0f, 0x01, 0xd9}, "hypercall"},          // vmmcall
        {{0x0f, 0x0b}, "6"},                        // ud2
        {{0x0f, 0xff, 0xc0}, "6"},                  // ud0
        {{0x0f, 0x10, 0x00}, "unsupported movups"}, //
        {{0xd9, 0xe8}, "unsupported fld1"},         //
        {{0x0f, 0xaa}, "unsupported rsm"},          //
        {{0xf0, 0x89, 0xc0}, "6"},                  // lock mov %eax,%eax
        {{0x0f, 0xae, 0xf0}, "done"},               // mfence
        {{0x0f, 0x1f, 0x44, 0x00, 0x00}, "done"},   // nopl 0(%eax,%eax)
    };
    for (auto const& row : rows) {
        TestKernel k;
        EXPECT_EQ(text(k.run(row.code)), row.result);
    }
}

} // namespace
} // namespace x86

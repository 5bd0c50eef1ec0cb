// SPDX-License-Identifier: Apache-2.0
// Real mode, the ways between it and protected mode, and virtual-8086 mode: Intel SDM vol. 3,
// 9.9 and chapter 21, and the pages of the instructions in vol. 2.
#include "base/gtest.hpp"
#include "x86/emulate/arithmetic.hpp"
#include "x86/emulate/test_kernel.hpp"

namespace x86 {
namespace {

enum : unsigned { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi };
using Code = std::vector<u8>;
using enum SegmentName;

// CS 0x100 (code at linear 0x1000 with IP 0), SS 0x200, the others 0x300; a vector table whose
// entry n is 0x400:n.
struct RealProcessor : TestProcessor {
    RealProcessor() {
        for (auto const name : {es, ss, ds, fs, gs}) load(name, 0x300);
        load(cs, 0x100);
        load(ss, 0x200);
        control[0] = cr0::ExtensionType::mask;
        state.rip = 0;
        state.registers.value[rsp] = 0x1000;
        idt = {0, 0x3ff};
        for (u16 n = 0; n < 256; ++n) put<u32>(n * 4u, 0x4000000u | n);
    }
    void load(SegmentName name, u16 selector) {
        segments[index(name)] = {selector, 0x93, 0xffff, u64{selector} << 4};
    }
    void set_limit(SegmentName name, u32 limit) { segments[index(name)].limit = limit; }
    Segment const& at(SegmentName name) const { return segments[index(name)]; }
    u64& reg(unsigned number) { return state.registers.value[number]; }
    u16 stack(unsigned word) const {
        return get<u16>(at(ss).base + (state.registers.value[rsp] & 0xffff) + 2 * word);
    }
    std::string run(Code const& code) {
        std::copy(code.begin(), code.end(), &ram.at(at(cs).base + state.rip));
        return text(emulate(*this));
    }
    // "100:5"
    std::string where() const { return hex(at(cs).selector) + ":" + hex(state.rip); }
    static std::string hex(u64 value) {
        char out[20];
        std::snprintf(out, sizeof out, "%llx", static_cast<unsigned long long>(value));
        return out;
    }
};

TEST(RealMode, LoadsOfSegmentsMoveTheBaseAndKeepTheLimit) {
    struct {
        Code code;
        SegmentName name;
    } const rows[] = {
        {{0x8e, 0xd8}, ds},             // mov %ax,%ds
        {{0x8e, 0xd0}, ss},             // mov %ax,%ss
        {{0x07}, es},                   // pop %es
        {{0x0f, 0xa1}, fs},             // pop %fs
        {{0xc5, 0x1e, 0x10, 0x00}, ds}, // lds 0x10,%bx
        {{0x0f, 0xb5, 0x1e, 0x10, 0x00}, gs},
    };
    for (auto const& row : rows) {
        RealProcessor p;
        p.set_limit(row.name, 0xffffffff); // as protected mode may leave it: "unreal"
        p.reg(rax) = 0x1234;
        p.put<u16>(0x2000 + 0x1000, 0x1234); // on the stack
        p.put<u32>(0x3000 + 0x10, 0x12345678);
        EXPECT_EQ(p.run(row.code), "done");
        EXPECT_EQ(p.at(row.name).selector, 0x1234);
        EXPECT_EQ(p.at(row.name).base, 0x12340u);
        EXPECT_EQ(p.at(row.name).limit, 0xffffffffu);
        EXPECT_EQ(p.at(row.name).access_rights, 0x93u);
    }
}

TEST(RealMode, ANullSelectorOfProtectedModeComesBackToLife) {
    RealProcessor p;
    p.segments[TestProcessor::index(ds)] = {};
    EXPECT_EQ(p.run({0xa0, 0, 0}), "13") << "mov 0,%al";
    EXPECT_EQ(p.run({0x8e, 0xd8}), "done");
    EXPECT_EQ(p.run({0xa0, 0, 0}), "done");
}

TEST(RealMode, FarTransfersTakeParagraphs) {
    struct {
        Code code;
        char const* where;
        u64 sp;
    } const rows[] = {
        {{0xea, 0x34, 0x12, 0x00, 0x02}, "200:1234", 0x1000},             // jmp
        {{0x66, 0xea, 0x34, 0x12, 0, 0, 0x00, 0x02}, "200:1234", 0x1000}, // jmpl
        {{0x9a, 0x34, 0x12, 0x00, 0x02}, "200:1234", 0xffc},              // call
        {{0x66, 0x9a, 0x34, 0x12, 0, 0, 0x00, 0x02}, "200:1234", 0xff8},  // calll
        {{0xff, 0x2e, 0x10, 0x00}, "1234:5678", 0x1000},                  // jmp *0x10
        {{0xff, 0x1e, 0x10, 0x00}, "1234:5678", 0xffc},                   // call *0x10
        {{0xcb}, "500:66", 0x1004},                                       // lret
        {{0xca, 8, 0}, "500:66", 0x100c},                                 // lret $8
        {{0xcf}, "500:66", 0x1006},                                       // iret
    };
    for (auto const& row : rows) {
        RealProcessor p;
        p.put<u32>(0x3000 + 0x10, 0x12345678);
        p.put<u32>(0x2000 + 0x1000, 0x05000066);
        p.put<u16>(0x2000 + 0x1004, 0x0202);
        EXPECT_EQ(p.run(row.code), "done");
        EXPECT_EQ(p.where(), row.where);
        EXPECT_EQ(p.reg(rsp), row.sp);
        EXPECT_EQ(p.cpl(), 0u);
        EXPECT_EQ(p.at(cs).base, u64{p.at(cs).selector} << 4);
    }
}

TEST(RealMode, FarCallsLeaveTheWayBack) {
    RealProcessor p;
    EXPECT_EQ(p.run({0x9a, 0, 0, 0, 2}), "done");
    EXPECT_EQ(p.stack(0), 5);
    EXPECT_EQ(p.stack(1), 0x100);
}

TEST(RealMode, InterruptsGoThroughTheVectorTable) {
    struct {
        Code code;
        char const* where;
        u16 back;
    } const rows[] = {{{0xcd, 0x21}, "400:21", 2}, {{0xcc}, "400:3", 1}, {{0xce}, "400:4", 1}};
    for (auto const& row : rows) {
        RealProcessor p;
        p.state.rflags = 0x47a02 | 0x801; // AC NT IOPL 3 IF CF OF
        EXPECT_EQ(p.run(row.code), "done");
        EXPECT_EQ(p.where(), row.where);
        EXPECT_EQ(p.state.rflags, 0x7803u) << "IF, TF and AC are cleared";
        EXPECT_EQ(p.stack(0), row.back);
        EXPECT_EQ(p.stack(1), 0x100);
        EXPECT_EQ(p.stack(2), 0x7a03);
    }
}

TEST(RealMode, IretRestoresAllFlagsAndNeverSwitchesTasks) {
    RealProcessor p;
    p.state.rflags = 0x4002; // NT
    p.put<u16>(0x3004, 0x7fd5);
    EXPECT_EQ(p.run({0xcf}), "done");
    EXPECT_EQ(p.state.rflags, 0x7fd7u);
    RealProcessor wide;
    wide.put<u32>(0x3000, 0x10);
    wide.put<u32>(0x3004, 0x100);
    wide.put<u32>(0x3008, 0x00277202); // VM is not taken, ID AC RF are
    EXPECT_EQ(wide.run({0x66, 0xcf}), "done");
    EXPECT_EQ(wide.where(), "100:10");
    EXPECT_EQ(wide.state.rflags, 0x00257202u);
}

TEST(RealMode, EventsAreDeliveredWithoutErrorCodes) {
    RealProcessor p;
    p.state.rflags = 0x302; // IF, TF
    EXPECT_EQ(text(deliver(p, EventKind::exception, {13, 0})), "done");
    EXPECT_EQ(p.where(), "400:d");
    EXPECT_EQ(p.reg(rsp), 0xffau);
    EXPECT_EQ(p.stack(2), 0x302);
    EXPECT_EQ(p.state.rflags, 2u);
    EXPECT_EQ(text(deliver(p, EventKind::external_interrupt, {.vector = 8, .error_code = {}})),
              "done");
    EXPECT_EQ(p.where(), "400:8");
    EXPECT_EQ(p.stack(0), 0xd);
    EXPECT_EQ(p.stack(1), 0x400);
}

TEST(RealMode, AShortVectorTableMakesADoubleFaultThenShutdown) {
    RealProcessor p;
    p.idt.limit = 9 * 4 - 1;
    EXPECT_EQ(p.run({0xcd, 0x21}), "13");
    EXPECT_EQ(text(deliver(p, EventKind::exception, {.vector = 13, .error_code = {}})), "done");
    EXPECT_EQ(p.where(), "400:8");
    p.idt.limit = 0;
    EXPECT_EQ(text(deliver(p, EventKind::exception, {.vector = 13, .error_code = {}})),
              "triple fault");
}

TEST(RealMode, OffsetsAreCheckedAgainstTheLimit) {
    struct {
        Code code;
        u64 rbx, sp;
        char const* result;
    } const rows[] = {
        {{0x8a, 0x07}, 0xffff, 0x1000, "done"},             // mov (%bx),%al
        {{0x8b, 0x07}, 0xffff, 0x1000, "13"},               // mov (%bx),%ax
        {{0x36, 0x8b, 0x07}, 0xffff, 0x1000, "12"},         // mov %ss:(%bx),%ax
        {{0x67, 0x8a, 0x03}, 0x10000, 0x1000, "13"},        // mov (%ebx),%al
        {{0x8a, 0x87, 0x02, 0x00}, 0xffff, 0x1000, "done"}, // mov 2(%bx),%al wraps
        {{0x50}, 0, 0, "done"},                             // push %ax: SP 0 becomes fffe
        {{0x50}, 0, 1, "12"},                               // ... and 1 becomes ffff
        {{0x58}, 0, 0xffff, "12"},                          // pop %ax
        {{0x58}, 0, 0xfffe, "done"},
        {{0xcd, 0x21}, 0, 3, "12"},                        // int $0x21
        {{0x66, 0xea, 0, 0, 1, 0, 0, 2}, 0, 0x1000, "13"}, // jmpl 0x200:0x10000
        {{0xe9, 0x00, 0x80}, 0, 0x1000, "done"},           // jmp -0x8000 wraps
        {{0x66, 0xe9, 0, 0x80, 0xff, 0xff}, 0, 0x1000, "13"},
    };
    for (auto const& row : rows) {
        RealProcessor p;
        p.reg(rbx) = row.rbx;
        p.reg(rsp) = row.sp;
        EXPECT_EQ(p.run(row.code), row.result) << std::hex << int{row.code[0]};
    }
}

TEST(RealMode, TheStackPointerWrapsAt64KiB) {
    RealProcessor p;
    p.reg(rsp) = 0xabcd0000;
    EXPECT_EQ(p.run({0x50}), "done");
    EXPECT_EQ(p.reg(rsp), 0xabcdfffeu) << "the upper half stays";
    EXPECT_EQ(p.run({0x58}), "done");
    EXPECT_EQ(p.run({0x58}), "done");
}

TEST(RealMode, JumpsWrapAndRunningOnDoesNot) {
    RealProcessor p;
    p.ram.resize(0x40000);
    p.state.rip = 0xfffd;
    EXPECT_EQ(p.run({0xeb, 0x05}), "done");
    EXPECT_EQ(p.where(), "100:4");
    p.state.rip = 0xffff;
    EXPECT_EQ(p.run({0x90}), "done");
    EXPECT_EQ(p.run({}), "13") << "IP is above the limit";
}

TEST(RealMode, CodeSegmentsAreWrittenAndReadWhateverTheirType) {
    RealProcessor p;
    p.segments[TestProcessor::index(cs)].access_rights =
        0x99;                                           // execute-only, left by protected mode
    EXPECT_EQ(p.run({0x2e, 0xa3, 0x80, 0x00}), "done"); // mov %ax,%cs:0x80
    EXPECT_EQ(p.run({0x2e, 0xa1, 0x80, 0x00}), "done");
}

TEST(RealMode, UnrealSegmentsReachAllMemory) {
    RealProcessor p;
    p.set_limit(ds, 0xffffffff);
    p.put<u8>(0x23456, 0x77);
    p.reg(rbx) = 0x23456 - 0x3000;
    EXPECT_EQ(p.run({0x67, 0x8a, 0x03}), "done"); // mov (%ebx),%al
    EXPECT_EQ(p.reg(rax) & 0xff, 0x77u);
}

TEST(RealMode, HasNoDescriptors) {
    Code const rows[] = {
        {0x63, 0xc0},       // arpl
        {0x0f, 0x02, 0xc0}, // lar
        {0x0f, 0x03, 0xc0}, // lsl
        {0x0f, 0x00, 0xc0}, // sldt
        {0x0f, 0x00, 0xc8}, // str
        {0x0f, 0x00, 0xd0}, // lldt
        {0x0f, 0x00, 0xd8}, // ltr
        {0x0f, 0x00, 0xe0}, // verr
        {0x0f, 0x00, 0xe8}, // verw
    };
    for (auto const& code : rows) {
        RealProcessor p;
        EXPECT_EQ(p.run(code), "6") << int{code[1]};
    }
    RealProcessor p;
    EXPECT_EQ(p.run({0x0f, 0x34}), "13") << "sysenter";
    EXPECT_EQ(p.run({0x0f, 0x35}), "13") << "sysexit";
}

TEST(RealMode, PrivilegedInstructionsAreFree) {
    for (Code const& code : {Code{0xfa}, Code{0xfb}, Code{0x0f, 0x20, 0xc0}, Code{0xe4, 0x60},
                             Code{0x0f, 0x06}, Code{0x0f, 0x09}, Code{0x9d}}) {
        RealProcessor p;
        p.segments[TestProcessor::index(cs)].selector = 0x103; // its low bits are no level
        p.segments[TestProcessor::index(cs)].base = 0x1030;
        EXPECT_EQ(p.run(code), "done");
    }
    RealProcessor p;
    EXPECT_EQ(p.run({0xf4}), "halt");
}

TEST(RealMode, StringsMoveWithinTheirSegments) {
    RealProcessor p;
    p.load(es, 0x500);
    p.reg(rcx) = 0x10003; // CX alone counts
    p.reg(rsi) = 0xfffe;
    p.reg(rdi) = 0x10;
    p.put<u16>(0x3000 + 0xfffe, 0x2211);
    p.put<u8>(0x3000, 0x33);
    EXPECT_EQ(p.run({0xf3, 0xa4}), "done");
    EXPECT_EQ(p.get<u32>(0x5010) & 0xffffff, 0x332211u) << "SI wraps";
    EXPECT_EQ(p.reg(rcx), 0x10000u);
    EXPECT_EQ(p.reg(rsi), 1u);
}

TEST(RealMode, SingleStepsEndInTheVectorTable) {
    RealProcessor p;
    p.state.rflags |= flags::trap;
    EXPECT_EQ(p.run({0x90}), "1");
    EXPECT_EQ(p.state.rip, 1u);
    EXPECT_EQ(p.run({0xcd, 0x21}), "done");
    EXPECT_EQ(p.state.rflags & flags::trap, 0u);
}

// The way that every boot loader goes: LGDT, PE, far jump, data segments; and back.
TEST(RealMode, EntersAndLeavesProtectedMode) {
    RealProcessor p;
    constexpr u64 gdt = 0x10000;
    p.put<u64>(gdt + 8, 0x00409b000000ffff | u64{0x1000} << 16);  // code of 32 bits, base 0x1000
    p.put<u64>(gdt + 16, 0x00cf93000000ffff);                     // flat data
    p.put<u64>(gdt + 24, 0x00009b000000ffff | u64{0x1000} << 16); // code of 16 bits
    p.put<u16>(0x3000 + 0x20, 31);
    p.put<u32>(0x3000 + 0x22, static_cast<u32>(gdt) | 0x55000000);
    p.load(cs, 0x103); // as a selector of protected mode it would be level 3
    EXPECT_EQ(p.run({0x0f, 0x01, 0x16, 0x20, 0x00}), "done");
    EXPECT_EQ(p.gdt.base, gdt) << "16-bit operands: 24 bits of the base";
    EXPECT_EQ(p.gdt.limit, 31);
    p.reg(rax) = 0x11;
    EXPECT_EQ(p.run({0x0f, 0x22, 0xc0}), "done"); // mov %eax,%cr0
    EXPECT_EQ(p.control[0], 0x11u);
    EXPECT_EQ(p.at(cs).base, 0x1030u) << "nothing but PE has changed";
    EXPECT_EQ(p.run({0x0f, 0x20, 0xc3}), "done") << "still level 0";
    EXPECT_EQ(p.run({0x66, 0xea, 0x00, 0x02, 0, 0, 0x08, 0x00}), "done");
    EXPECT_EQ(p.where(), "8:200");
    EXPECT_EQ(p.at(cs).base, 0x1000u);
    EXPECT_EQ(p.run({0xbb, 0x10, 0, 0, 0}), "done"); // mov $0x10,%ebx: 32-bit code now
    EXPECT_EQ(p.run({0x8e, 0xdb}), "done");          // mov %ebx,%ds
    EXPECT_EQ(p.at(ds).limit, 0xffffffffu);

    EXPECT_EQ(p.run({0xea, 0x00, 0x03, 0, 0, 0x18, 0x00}), "done");
    p.reg(rax) = 0x10;
    EXPECT_EQ(p.run({0x0f, 0x22, 0xc0}), "done");
    EXPECT_EQ(p.at(ds).limit, 0xffffffffu) << "unreal mode";
    EXPECT_EQ(p.run({0xea, 0x00, 0x04, 0x00, 0x01}), "done");
    EXPECT_EQ(p.where(), "100:400");
    EXPECT_EQ(p.run({0xcd, 0x21}), "done");
    EXPECT_EQ(p.where(), "400:21");
}

TEST(RealMode, LmswEntersProtectedModeAndDoesNotLeaveIt) {
    RealProcessor p;
    p.reg(rax) = 1;
    EXPECT_EQ(p.run({0x0f, 0x01, 0xf0}), "done");
    EXPECT_EQ(p.control[0] & 1, 1u);
    p.reg(rax) = 0;
    EXPECT_EQ(p.run({0x0f, 0x01, 0xf0}), "done");
    EXPECT_EQ(p.control[0] & 1, 1u);
}

// A task of virtual-8086 mode under a 32-bit kernel.
struct VirtualTask : TestKernel {
    explicit VirtualTask(unsigned iopl) {
        for (auto const name : {es, ss, ds, fs, gs})
            segments[index(name)] = {0x300, 0xf3, 0xffff, 0x3000};
        segments[index(cs)] = {0x100, 0xf3, 0xffff, 0x1000};
        segments[index(ss)] = {0x200, 0xf3, 0xffff, 0x2000};
        state.rip = 0;
        state.registers.value[rsp] = 0x1000;
        state.rflags = flags::virtual_8086 | u64{iopl} << 12 | 2;
        put_handler(13, 0x8e, 0x6000);
        put_handler(0x21, 0xee, 0x7000);
    }
    std::string execute(Code const& code) {
        std::copy(code.begin(), code.end(), &ram.at(0x1000));
        return text(emulate(*this));
    }
};

TEST(Virtual8086, SensitiveInstructionsNeedIopl3) {
    for (Code const& code :
         {Code{0xfa}, Code{0xfb}, Code{0x9c}, Code{0x9d}, Code{0xcf}, Code{0xcd, 0x21}}) {
        VirtualTask forbidden(2);
        EXPECT_EQ(forbidden.execute(code), "13(0)") << int{code[0]};
        VirtualTask allowed(3);
        EXPECT_EQ(allowed.execute(code), "done") << int{code[0]};
    }
    VirtualTask task(3);
    EXPECT_EQ(task.execute({0xe4, 0x60}), "13(0)")
        << "ports: IOPL does not count, the TSS has no map";
    EXPECT_EQ(task.execute({0xf4}), "13(0)");
    EXPECT_EQ(task.execute({0x0f, 0x00, 0xc0}), "6") << "sldt";
}

TEST(Virtual8086, SegmentsAreParagraphs) {
    VirtualTask task(0);
    task.state.registers.value[rax] = 0x1234;
    EXPECT_EQ(task.execute({0x8e, 0xd8}), "done");
    auto const& loaded = task.segments[TestProcessor::index(ds)];
    EXPECT_EQ(loaded.base, 0x12340u);
    EXPECT_EQ(loaded.access_rights, 0xf3u);
    task.state.rip = 0;
    EXPECT_EQ(task.execute({0xea, 0x10, 0, 0, 2}), "done");
    EXPECT_EQ(task.segments[TestProcessor::index(cs)].base, 0x2000u);
}

TEST(Virtual8086, EventsGoToTheKernelWithAllSegmentsAndIretComesBack) {
    VirtualTask task(3);
    EXPECT_EQ(text(deliver(task, EventKind::exception, {13, 0x18})), "done");
    EXPECT_EQ(task.cpl(), 0u);
    EXPECT_EQ(task.state.rip, 0x6000u);
    EXPECT_EQ(task.state.registers.value[rsp], TestKernel::kernel_stack - 40);
    u32 const expected[] = {0x18, 0, 0x100, 0x33002, 0x1000, 0x200, 0x300, 0x300, 0x300, 0x300};
    for (unsigned i = 0; i < 10; ++i) EXPECT_EQ(task.stack(i), expected[i]) << i;
    for (auto const name : {es, ds, fs, gs}) EXPECT_EQ(task.selector(name), 0);
    EXPECT_EQ(task.state.rflags & flags::virtual_8086, 0u);

    task.state.registers.value[rsp] += 4; // the error code
    task.put<u8>(0x6000, 0xcf);
    EXPECT_EQ(text(emulate(task)), "done");
    VirtualTask const before(3);
    EXPECT_EQ(task.state.rip, 0u);
    EXPECT_EQ(task.state.rflags, before.state.rflags | flags::resume);
    EXPECT_EQ(task.state.registers.value[rsp], 0x1000u);
    for (auto const name : {es, cs, ss, ds, fs, gs}) {
        EXPECT_EQ(task.selector(name), before.selector(name));
        EXPECT_EQ(task.segments[TestProcessor::index(name)].base,
                  before.segments[TestProcessor::index(name)].base);
    }
}

TEST(Virtual8086, HandlersThatStayAtTheLevelAreRefused) {
    VirtualTask task(3);
    task.put_handler(0x21, 0xee, 0x7000, selectors::conforming);
    EXPECT_EQ(task.execute({0xcd, 0x21}), "13(30)");
}

TEST(Virtual8086, ItsExtensionsAreNotSupported) {
    VirtualTask task(0);
    task.control[4] = cr4::VirtualModeExtensions::mask;
    EXPECT_EQ(task.execute({0x90}), "unsupported the extensions of virtual-8086 mode (CR4.VME)");
}

} // namespace
} // namespace x86

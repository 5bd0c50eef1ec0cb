// SPDX-License-Identifier: Apache-2.0
// Events through the IDT: Intel SDM vol. 3, 6.11 to 6.15.
#include "base/gtest.hpp"
#include "x86/emulate/test_kernel.hpp"

namespace x86 {
namespace {

enum : unsigned { rax, rcx, rdx, rbx, rsp };
using namespace selectors;
constexpr u8 interrupt_gate = 0x8e, trap_gate = 0x8f, user_gate = 0xee, interrupt_gate16 = 0x86,
             task_gate = 0x85, absent_gate = 0x0e;
constexpr Exception breakpoint{.vector = 3, .error_code = {}}, protection{13, 0x18};

std::string deliver_text(TestKernel& k, EventKind kind, Exception const& event) {
    return text(deliver(k, kind, event));
}

TEST(Delivery, InterruptGatesClearTheInterruptFlagAndTrapGatesDoNot) {
    for (u8 const gate : {interrupt_gate, trap_gate}) {
        TestKernel k;
        k.state.rflags = 0x4303; // NT, IF, TF, CF
        k.put_handler(0x20, gate, 0x6000);
        EXPECT_EQ(
            deliver_text(k, EventKind::external_interrupt, {.vector = 0x20, .error_code = {}}),
            "done");
        EXPECT_EQ(k.state.rip, 0x6000u);
        EXPECT_EQ(k.state.rflags, gate == trap_gate ? 0x203u : 0x3u);
        EXPECT_EQ(k.state.registers.value[rsp], 0x7ff4u);
        EXPECT_EQ(k.stack(0), 0x1000u);
        EXPECT_EQ(k.stack(1), code);
        EXPECT_EQ(k.stack(2), 0x4303u);
    }
}

TEST(Delivery, FaultsPushTheirCodeAndSaveTheResumeFlag) {
    TestKernel k;
    k.put_handler(13, interrupt_gate, 0x6000);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    u32 const expected[] = {0x18, 0x1000, code, 0x10002};
    for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(k.stack(i), expected[i]) << i;
}

TEST(Delivery, PageFaultsSetCr2) {
    TestKernel k;
    k.put_handler(14, interrupt_gate, 0x6000);
    EXPECT_EQ(deliver_text(k, EventKind::exception, {14, 2, 0xdead}), "done");
    EXPECT_EQ(k.control[2], 0xdeadu);
}

TEST(Delivery, FromUserModeSwitchesToTheStackOfTheTask) {
    TestKernel k;
    k.enter_user_mode();
    k.put_handler(13, interrupt_gate, 0x6000);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.cpl(), 0u);
    EXPECT_EQ(k.selector(SegmentName::ss), data);
    EXPECT_EQ(k.state.registers.value[rsp], TestKernel::kernel_stack - 24);
    u32 const expected[] = {0x18, 0x1000, user_code, 0x10002, 0x8000, user_data};
    for (unsigned i = 0; i < 6; ++i) EXPECT_EQ(k.stack(i), expected[i]) << i;
}

TEST(Delivery, ConformingHandlersStayAtTheLevel) {
    TestKernel k;
    k.enter_user_mode();
    k.put_handler(13, interrupt_gate, 0x6000, conforming);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.cpl(), 3u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x7ff0u);
}

TEST(Delivery, SixteenBitGatesPushWords) {
    TestKernel k;
    k.put_handler(13, interrupt_gate16, 0x12346000); // only the low half of the offset counts
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.state.rip, 0x6000u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x7ff8u);
    EXPECT_EQ(k.get<u16>(0x7ff8), 0x18);
    EXPECT_EQ(k.get<u16>(0x7ffc), code);
}

TEST(Delivery, TaskGatesAreNotSupported) {
    TestKernel k;
    k.put_handler(8, task_gate, 0, task);
    EXPECT_EQ(deliver_text(k, EventKind::exception, {8, 0}), "unsupported task gate in the IDT");
}

TEST(SoftwareInterrupts, NeedAGateThatIsOpenToTheLevel) {
    TestKernel k;
    k.enter_user_mode();
    k.put_handler(0x80, interrupt_gate, 0x6000);
    EXPECT_EQ(text(k.run({0xcd, 0x80})), "13(402)"); // int $0x80: vector * 8 + IDT
    EXPECT_EQ(k.state.rip, 0x1000u);
    k.put_handler(0x80, user_gate, 0x6000);
    EXPECT_EQ(text(k.run({0xcd, 0x80})), "done");
    EXPECT_EQ(k.state.rip, 0x6000u);
    EXPECT_EQ(k.stack(0), 0x1002u); // behind the instruction
    EXPECT_EQ(k.stack(2), 2u);      // without RF
}

TEST(SoftwareInterrupts, BreakpointAndOverflow) {
    TestKernel k;
    k.put_handler(3, interrupt_gate, 0x6000);
    k.put_handler(4, trap_gate, 0x7000);
    EXPECT_EQ(text(k.run({0xce})), "done"); // into without overflow
    EXPECT_EQ(k.state.rip, 0x1001u);
    k.state.rflags |= 0x800;
    EXPECT_EQ(text(k.run({0xce})), "done");
    EXPECT_EQ(k.state.rip, 0x7000u);
    k.state.rip = 0x1000;
    EXPECT_EQ(text(k.run({0xcc})), "done");
    EXPECT_EQ(k.state.rip, 0x6000u);
    EXPECT_EQ(k.stack(0), 0x1001u);
}

TEST(SoftwareInterrupts, FaultsOnTheWayAreNotExternal) {
    TestKernel k;
    k.put_handler(0x30, absent_gate, 0x6000);
    EXPECT_EQ(text(k.run({0xcd, 0x30})), "11(182)");
    k.put_handler(0x30, interrupt_gate, 0x6000, data);
    EXPECT_EQ(text(k.run({0xcd, 0x30})), "13(10)");
    k.put_handler(0x30, interrupt_gate, 0x6000, 0);
    EXPECT_EQ(text(k.run({0xcd, 0x30})), "13(0)");
    k.idt.limit = 0x30 * 8 + 6;
    EXPECT_EQ(text(k.run({0xcd, 0x30})), "13(182)");
}

// Faults while an event is on its way: the code on top of the handler's stack and the handler say
// what came of it.
TEST(NestedFaults, OfInterruptsAreDeliveredInTheirPlace) {
    TestKernel k;
    k.put_handler(0x20, absent_gate, 0x6000);
    k.put_handler(11, interrupt_gate, 0x7000);
    EXPECT_EQ(deliver_text(k, EventKind::external_interrupt, {.vector = 0x20, .error_code = {}}),
              "done");
    EXPECT_EQ(k.state.rip, 0x7000u);
    EXPECT_EQ(k.stack(0), 0x20 * 8 + 3u); // IDT and EXT
}

TEST(NestedFaults, ContributoryTwiceIsADoubleFault) {
    TestKernel k;
    k.put_handler(13, absent_gate, 0x6000);
    k.put_handler(8, interrupt_gate, 0x7000);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.state.rip, 0x7000u);
    EXPECT_EQ(k.stack(0), 0u);
}

TEST(NestedFaults, APageFaultAfterAContributoryOneIsDelivered) {
    TestKernel k;
    k.idt.base = 0x13000 - 14 * 8; // the gate of #GP ends a page that is not there
    k.pages[0x12] = TestProcessor::Rights::none;
    k.put_gate(0x13000, interrupt_gate, code, 0x7000);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.state.rip, 0x7000u);
    EXPECT_EQ(k.stack(0), 0u); // not present, read, supervisor
    EXPECT_EQ(k.control[2], 0x13000u - 8);
}

TEST(NestedFaults, AStackThatIsNotThereEndsTheGuest) {
    TestKernel k;
    k.put_handler(14, interrupt_gate, 0x7000);
    k.put_handler(8, interrupt_gate, 0x7000);
    k.pages[0x7] = TestProcessor::Rights::read_only; // below the stack pointer
    EXPECT_EQ(deliver_text(k, EventKind::exception, breakpoint), "triple fault");
}

TEST(NestedFaults, AContributoryFaultAfterAPageFaultIsADoubleFault) {
    TestKernel k;
    k.enter_user_mode();
    k.put_handler(14, interrupt_gate, 0x6000, data); // no code: #GP
    k.put_handler(8, interrupt_gate, 0x7000);
    EXPECT_EQ(deliver_text(k, EventKind::exception, {14, 4, 0x1234}), "done");
    EXPECT_EQ(k.state.rip, 0x7000u);
    EXPECT_EQ(k.control[2], 0x1234u);
}

TEST(NestedFaults, ADoubleFaultThatFailsIsTheEnd) {
    TestKernel k;
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection),
              "triple fault"); // an IDT full of nothing
    EXPECT_EQ(k.state.rip, 0x1000u);
    k.put_handler(3, absent_gate, 0x6000);
    k.put_handler(11, interrupt_gate, 0x7000);
    EXPECT_EQ(deliver_text(k, EventKind::exception, breakpoint), "done"); // #BP is benign: just #NP
    EXPECT_EQ(k.state.rip, 0x7000u);
}

TEST(NestedFaults, ABadStackOfTheTaskIsAnInvalidTask) {
    TestKernel k;
    k.enter_user_mode();
    k.put<u16>(TestKernel::task_at + 8, user_data);
    k.put_handler(0x20, interrupt_gate, 0x6000);
    k.put_handler(10, interrupt_gate, 0x7000, conforming); // needs no stack
    EXPECT_EQ(deliver_text(k, EventKind::external_interrupt, {.vector = 0x20, .error_code = {}}),
              "done");
    EXPECT_EQ(k.state.rip, 0x7000u);
    EXPECT_EQ(k.stack(0), (user_data & ~3u) + 1); // EXT
}

struct LongKernel : TestKernel {
    LongKernel() {
        use_long_mode();
        segments[index(SegmentName::cs)].selector = long_code;
        put<u64>(task_at + 4, kernel_stack);
        put<u64>(task_at + 36, 0xa000); // first interrupt stack
        idt.limit = 0xfff;
        idt.base = 0x14000;
    }
    void put_long_handler(u8 number, u8 rights, unsigned interrupt_stack = 0) {
        put_gate(idt.base + number * 16, rights, long_code, 0x6000, interrupt_stack);
        put<u64>(idt.base + number * 16 + 8, 0xffffffff);
    }
    u64 word(unsigned i) const { return get<u64>(state.registers.value[rsp] + 8 * i); }
};

TEST(LongModeDelivery, AlignsTheStackAndAlwaysPushesIt) {
    LongKernel k;
    k.state.registers.value[rsp] = 0x7fed;
    k.put_long_handler(13, interrupt_gate);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.state.rip, 0xffffffff00006000u);
    EXPECT_EQ(k.state.registers.value[rsp], 0x7fe0u - 48);
    u64 const expected[] = {0x18, 0x1000, long_code, 0x10002, 0x7fed, data};
    for (unsigned i = 0; i < 6; ++i) EXPECT_EQ(k.word(i), expected[i]) << i;
}

TEST(LongModeDelivery, TakesAnInterruptStack) {
    LongKernel k;
    k.put_long_handler(8, interrupt_gate, 1);
    EXPECT_EQ(deliver_text(k, EventKind::exception, {8, 0}), "done");
    EXPECT_EQ(k.state.registers.value[rsp], 0xa000u - 48);
    EXPECT_EQ(k.selector(SegmentName::ss), data);
}

TEST(LongModeDelivery, FromUserModeLoadsANullStackSegment) {
    LongKernel k;
    k.use_level(3);
    k.put_long_handler(13, trap_gate);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.cpl(), 0u);
    EXPECT_EQ(k.selector(SegmentName::ss), 0);
    EXPECT_EQ(k.state.registers.value[rsp], TestKernel::kernel_stack - 48u);
}

TEST(LongModeDelivery, KnowsNo16BitGates) {
    LongKernel k;
    k.put_long_handler(13, interrupt_gate16);
    k.put_long_handler(8, interrupt_gate);
    EXPECT_EQ(deliver_text(k, EventKind::exception, protection), "done");
    EXPECT_EQ(k.word(0), 0u); // of the double fault
}

} // namespace
} // namespace x86

// SPDX-License-Identifier: Apache-2.0
// Extension 2: abi/upcall.hpp.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct UpcallTest : testing::Test {
    TestKernel kernel;
    Thread& thread = kernel.thread();
    static constexpr u64 entry = 0x500000, stack = 0x600000, range_start = 0x500000, range_end = 0x501000;
    static constexpr u64 buffer = 0x10000000; // where TestKernel says the IPC buffer is
    static constexpr u64 block_address = buffer + 0x800;
    abi::UpcallBlock& block = *reinterpret_cast<abi::UpcallBlock*>(reinterpret_cast<std::byte*>(&thread.buffer()) + 0x800);

    Answer set(Words words) { return kernel.invoke(thread.cptr(), Label::tcb_set_upcall, std::move(words)); }
    void set_causes(u64 causes) { EXPECT_EQ(set({entry, stack, range_start, range_end, block_address, causes}), success); }
    void expect_upcall(abi::UpcallCause cause, u64 rip) {
        EXPECT_EQ(block.active, 1u);
        EXPECT_EQ(block.cause, static_cast<u64>(cause));
        EXPECT_EQ(block.saved.rip, rip);
        EXPECT_EQ(thread.tcb().context.next_ip, entry);
        EXPECT_EQ(thread.tcb().registers().rsp, stack);
        EXPECT_EQ(thread.tcb().registers().rdi, block_address);
        EXPECT_EQ(thread.tcb().registers().rflags, 0x202u);
        EXPECT_EQ(thread.tcb().context.restore_all, 1u);
        EXPECT_EQ(thread.state(), ThreadState::running);
    }
};

} // namespace

TEST_F(UpcallTest, IsRegisteredWithChecksInOrder) {
    u64 const bad = u64{1} << 47;
    EXPECT_EQ(set({entry, bad, 2, 1, 1}), truncated);
    EXPECT_EQ(set({bad, bad, 2, 1, bad, 0}), invalid_argument(0));
    EXPECT_EQ(set({entry, bad, 2, 1, bad, 0}), invalid_argument(1));
    EXPECT_EQ(set({entry, stack, 2, 1, bad, 0}), invalid_argument(2));
    EXPECT_EQ(set({entry, stack, 1, bad, bad, 0}), invalid_argument(2));
    EXPECT_EQ(set({entry, stack, 1, 2, bad, 0}), invalid_argument(4));
    EXPECT_EQ(set({entry, stack, 1, 2, block_address + 4, 0}), alignment_error);
    EXPECT_EQ(set({entry, stack, 1, 2, buffer + 0x1000, 0}), illegal_operation);
    EXPECT_EQ(set({entry, stack, 1, 2, buffer + 0xf40, 0}), illegal_operation); // its end does not fit
    EXPECT_EQ(set({entry, stack, 1, 2, block_address, 7}), success);
    EXPECT_EQ(set({0, bad, 0, 0, 0, 0}), success);
    EXPECT_EQ(thread.tcb().upcall.entry, 0u);
    auto const bare = kernel.object(ObjectType::tcb);
    EXPECT_EQ(kernel.invoke(bare, Label::tcb_set_upcall, {entry, stack, 1, 2, 0, 0}), illegal_operation);
}

TEST_F(UpcallTest, EverySystemCallFromOutsideTheRangeIsOne) {
    set_causes(abi::upcall_causes::system_call);
    thread.tcb().registers().rbx = 5;
    thread.tcb().registers().rsp = 0x7000;
    thread.syscall(abi::Syscall::recv, abi::initial_slot::domain, {1, {11}, {}});
    expect_upcall(abi::UpcallCause::system_call, 0x400002);
    EXPECT_EQ(block.saved.rbx, 5u);
    EXPECT_EQ(block.saved.rsp, 0x7000u);
    EXPECT_EQ(block.saved.r10, 11u);
    EXPECT_EQ(thread.tcb().registers().rbx, 5u);
}

TEST_F(UpcallTest, InsideTheRangeSystemCallsAreNative) {
    set_causes(abi::upcall_causes::system_call | abi::upcall_causes::exception);
    thread.tcb().context.next_ip = range_end - 2; // the last instruction of the range
    EXPECT_EQ(thread.call(abi::initial_slot::domain, {}), illegal_operation);
    EXPECT_EQ(block.active, 0u);
    thread.tcb().context.next_ip = range_start;
    kernel.fault(ExceptionEvent{6, 0});
    EXPECT_EQ(thread.state(), ThreadState::inactive);
}

TEST_F(UpcallTest, WhileOneIsActiveThereIsNoOther) {
    set_causes(abi::upcall_causes::system_call);
    block.active = 1;
    EXPECT_EQ(thread.call(abi::initial_slot::domain, {}), illegal_operation);
}

TEST_F(UpcallTest, ExceptionsAndPageFaults) {
    set_causes(abi::upcall_causes::exception);
    kernel.run(thread.tcb());
    kernel.fault(ExceptionEvent{13, 0x55});
    expect_upcall(abi::UpcallCause::exception, 0x400000);
    EXPECT_EQ(block.exception_number, 13u);
    EXPECT_EQ(block.error_code, 0x55u);
    block.active = 0;
    thread.tcb().context.next_ip = 0x400000;
    kernel.fault(PageFaultEvent{{0x1234}, 6});
    expect_upcall(abi::UpcallCause::page_fault, 0x400000);
    EXPECT_EQ(block.exception_number, 14u);
    EXPECT_EQ(block.fault_address, 0x1234u);
    EXPECT_EQ(block.error_code, 6u);
}

TEST_F(UpcallTest, CausesThatWereNotAskedForTakeTheOrdinaryPath) {
    set_causes(abi::upcall_causes::time_slice);
    kernel.run(thread.tcb());
    kernel.fault(ExceptionEvent{13, 0});
    EXPECT_EQ(thread.state(), ThreadState::inactive);
}

TEST_F(UpcallTest, TheEndOfASliceGivesOneTickOfGrace) {
    Thread& peer = kernel.thread();
    set_causes(abi::upcall_causes::time_slice);
    kernel.run(thread.tcb());
    for (unsigned i = 0; i < 4; ++i) kernel.tick();
    EXPECT_EQ(block.active, 0u);
    kernel.tick();
    expect_upcall(abi::UpcallCause::time_slice, 0x400000);
    EXPECT_EQ(&kernel.current(), &thread.tcb());
    kernel.tick();
    EXPECT_NE(&kernel.current(), &thread.tcb());
    EXPECT_EQ(thread.tcb().time_slice, 5u);
    static_cast<void>(peer);
}

TEST_F(UpcallTest, WithoutTheBufferThereIsNone) {
    set_causes(abi::upcall_causes::system_call);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_set_ipc_buffer, {0}, {abi::initial_slot::domain}), success);
    EXPECT_EQ(thread.tcb().upcall.entry, 0u);
    EXPECT_EQ(thread.call(abi::initial_slot::domain, {}), illegal_operation);
}

TEST_F(UpcallTest, WhenTheFrameIsRevokedThereIsNone) {
    set_causes(abi::upcall_causes::system_call);
    auto const frame = thread.cptr() - 1; // TestKernel made it right before the thread
    kernel.revoke(frame);
    EXPECT_EQ(thread.call(abi::initial_slot::domain, {}), illegal_operation);
}

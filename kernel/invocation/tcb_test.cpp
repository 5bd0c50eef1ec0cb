// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

using abi::initial_slot::cnode;
using abi::initial_slot::vspace;

struct TcbTest : testing::Test {
    TestKernel kernel;
    CPtr const tcb = kernel.object(ObjectType::tcb);
    Tcb& target = *kernel.get<TcbCap>(tcb).object;
    CPtr const own = abi::initial_slot::tcb;
    CPtr const frame = kernel.frame();
    CPtr const endpoint = kernel.endpoint();
    CPtr const free = kernel.next_slot();

    Answer invoke(Label label, Words words, std::vector<CPtr> caps = {}) {
        return kernel.invoke(tcb, label, std::move(words), std::move(caps));
    }
};

} // namespace

TEST_F(TcbTest, KnowsNoOtherLabels) { EXPECT_EQ(invoke(Label::untyped_retype, {}), illegal_operation); }

TEST_F(TcbTest, ReadRegistersChecksInOrder) {
    EXPECT_EQ(kernel.invoke(own, Label::tcb_read_registers, {0}), truncated);
    EXPECT_EQ(kernel.invoke(own, Label::tcb_read_registers, {0, 0}), range_error(1, 20));
    EXPECT_EQ(kernel.invoke(own, Label::tcb_read_registers, {0, 21}), range_error(1, 20));
    EXPECT_EQ(kernel.invoke(own, Label::tcb_read_registers, {0, 20}), illegal_operation);
    EXPECT_EQ(invoke(Label::tcb_read_registers, {0, 3}), returned({0, 0, 0x202}));
}

TEST_F(TcbTest, WithoutABufferResultsEndWithTheRegisters) {
    EXPECT_EQ(kernel.invoke(own, Label::tcb_set_ipc_buffer, {0}, {frame}), success);
    EXPECT_EQ(invoke(Label::tcb_read_registers, {0, 20}), returned({0, 0, 0x202, 0}));
}

TEST_F(TcbTest, WriteRegistersChecksInOrder) {
    EXPECT_EQ(kernel.invoke(own, Label::tcb_write_registers, {0}), truncated);
    EXPECT_EQ(kernel.invoke(own, Label::tcb_write_registers, {0, 1}), truncated);
    EXPECT_EQ(kernel.invoke(own, Label::tcb_write_registers, {0, 0}), illegal_operation);
}

TEST_F(TcbTest, RegistersAreWrittenInOrderAndMadeFit) {
    u64 const bad = 0x0000800000000000;
    Words words{0, 99}; // more than 20: 20
    for (u64 i = 0; i < 99; ++i) words.push_back(100 + i);
    words[2] = bad;
    words[4] = ~u64{0};
    words[20] = bad;
    words[21] = 0xffff800000000000;
    EXPECT_EQ(invoke(Label::tcb_write_registers, words), success);
    auto const read = invoke(Label::tcb_read_registers, {0, 20});
    ASSERT_EQ(read.words.size(), 20u);
    EXPECT_EQ(read.words[0], 0u);
    EXPECT_EQ(read.words[1], 101u);
    EXPECT_EQ(read.words[2], 0xed7u | 0x202u);
    for (u64 i = 3; i < 18; ++i) EXPECT_EQ(read.words[i], 100 + i);
    EXPECT_EQ(read.words[18], 0u);
    EXPECT_EQ(read.words[19], 0xffff800000000000);
    EXPECT_EQ(target.context.next_ip, 0u);
    EXPECT_EQ(target.context.restore_all, 1u);
    EXPECT_EQ(target.state, ThreadState::inactive);
}

TEST_F(TcbTest, WriteRegistersResumesWhenAsked) {
    EXPECT_EQ(invoke(Label::tcb_write_registers, {1, 1, 0x1234}), success);
    EXPECT_EQ(target.state, ThreadState::restart);
    kernel.run(target);
    EXPECT_EQ(target.context.next_ip, 0x1234u);
}

TEST_F(TcbTest, CopyRegistersChecksAndActs) {
    EXPECT_EQ(invoke(Label::tcb_copy_registers, {}, {own}), truncated);
    EXPECT_EQ(invoke(Label::tcb_copy_registers, {0}), truncated);
    EXPECT_EQ(invoke(Label::tcb_copy_registers, {0}, {endpoint}), invalid_capability(1));
    Thread& source = kernel.thread();
    source.tcb().registers().rbx = 77;
    source.tcb().registers().fs_base = 88;
    EXPECT_EQ(invoke(Label::tcb_copy_registers, {1 | 2 | 4}, {source.cptr()}), success);
    EXPECT_EQ(source.state(), ThreadState::inactive);
    EXPECT_EQ(target.state, ThreadState::restart);
    EXPECT_EQ(target.registers().rbx, 77u);
    EXPECT_EQ(target.registers().fs_base, 0u);
    EXPECT_EQ(invoke(Label::tcb_copy_registers, {8}, {source.cptr()}), success);
    EXPECT_EQ(target.registers().fs_base, 88u);
    EXPECT_EQ(kernel.invoke(own, Label::tcb_copy_registers, {8}, {source.cptr()}), success);
    EXPECT_EQ(kernel.machine.fs_base, 88u);
}

TEST_F(TcbTest, ConfigureChecksInOrder) {
    auto const device = kernel.retype(kernel.untyped(12, true), ObjectType::small_page);
    auto const pml4 = kernel.object(ObjectType::pml4);
    auto const configure = [&](Words words, std::vector<CPtr> caps) { return invoke(Label::tcb_configure, words, caps); };
    EXPECT_EQ(configure({0, 0, 0}, {free, free, endpoint}), truncated);
    EXPECT_EQ(configure({0, 0, 0, 1}, {free, free}), truncated);
    EXPECT_EQ(configure({0, 0, 0, 1}, {free, free, endpoint}), illegal_operation);
    EXPECT_EQ(configure({0, 0, 0, 1}, {free, free, pml4}), illegal_operation);
    EXPECT_EQ(configure({0, 0, 0, 1}, {free, free, device}), illegal_operation);
    EXPECT_EQ(configure({0, 0, 0, 1}, {free, free, frame}), alignment_error);
    EXPECT_EQ(configure({0, 0, 0, 1024}, {free, vspace, frame}), illegal_operation);
    EXPECT_EQ(configure({0, 63, 0, 1024}, {cnode, vspace, frame}), illegal_operation); // no such guard
    EXPECT_EQ(configure({0, 0, 0, 1024}, {cnode, pml4, frame}), illegal_operation);
    EXPECT_EQ(configure({0, 0, 0, 1024}, {cnode, endpoint, frame}), illegal_operation);
    EXPECT_EQ(configure({9, 0, 0, 1024}, {cnode, vspace, frame}), success);
    EXPECT_EQ(target.fault_handler, 9u);
    EXPECT_EQ(target.ipc_buffer_address, 1024u);
    EXPECT_TRUE(target.cap(Tcb::cspace).is<CNodeCap>() && target.cap(Tcb::vspace).is<Pml4Cap>());
    EXPECT_EQ(reinterpret_cast<std::byte*>(target.buffer(true)), machine::window(kernel.get<FrameCap>(frame).base) + 1024);
    EXPECT_EQ(configure({9, 0, 0, 0}, {cnode, vspace, free}), success);
    EXPECT_EQ(target.buffer(false), nullptr);
}

TEST_F(TcbTest, ATargetWhoseSpaceMustBeTornDownFirstIsRefused) {
    auto const node = kernel.cnode(1);
    EXPECT_EQ(invoke(Label::tcb_set_space, {0, 0, 0}, {node, vspace}), success);
    kernel.remove(node);
    EXPECT_EQ(invoke(Label::tcb_set_space, {0, 0, 0}, {cnode, vspace}), illegal_operation);
}

TEST_F(TcbTest, SetSpaceAndSetIpcBufferCheckInOrder) {
    EXPECT_EQ(invoke(Label::tcb_set_space, {0, 0}, {cnode, vspace}), truncated);
    EXPECT_EQ(invoke(Label::tcb_set_space, {0, 0, 0}, {cnode}), truncated);
    EXPECT_EQ(invoke(Label::tcb_set_space, {5, 0, 0}, {cnode, vspace}), success);
    EXPECT_EQ(invoke(Label::tcb_set_ipc_buffer, {}, {frame}), truncated);
    EXPECT_EQ(invoke(Label::tcb_set_ipc_buffer, {1024}), truncated);
    EXPECT_EQ(invoke(Label::tcb_set_ipc_buffer, {1}, {frame}), alignment_error);
    EXPECT_EQ(invoke(Label::tcb_set_ipc_buffer, {1024}, {frame}), success);
    kernel.revoke(frame);
    EXPECT_EQ(target.buffer(true), nullptr);
}

TEST_F(TcbTest, AReadOnlyBufferCanBeReadOnly) {
    EXPECT_EQ(invoke(Label::tcb_set_ipc_buffer, {1024}, {kernel.copy(frame, abi::right::read)}), success);
    EXPECT_NE(target.buffer(false), nullptr);
    EXPECT_EQ(target.buffer(true), nullptr);
    EXPECT_EQ(invoke(Label::tcb_set_ipc_buffer, {1024}, {kernel.copy(frame, 0)}), success);
    EXPECT_EQ(target.buffer(false), nullptr);
}

TEST_F(TcbTest, PrioritiesAreBoundByTheAuthority) {
    kernel.root().tcb().max_priority = 200;
    for (Label const label : {Label::tcb_set_priority, Label::tcb_set_mc_priority}) {
        EXPECT_EQ(invoke(label, {}, {own}), truncated);
        EXPECT_EQ(invoke(label, {201}), truncated);
        EXPECT_EQ(invoke(label, {201}, {endpoint}), invalid_capability(1));
        EXPECT_EQ(invoke(label, {201}, {own}), range_error(0, 200));
        EXPECT_EQ(invoke(label, {u64{1} << 32}, {own}), range_error(0, 200));
        EXPECT_EQ(invoke(label, {200}, {own}), success);
    }
    EXPECT_TRUE(target.priority == 200 && target.max_priority == 200);
    EXPECT_EQ(invoke(Label::tcb_set_sched_params, {1}, {own}), truncated);
    EXPECT_EQ(invoke(Label::tcb_set_sched_params, {201, 1}, {own}), range_error(0, 200));
    EXPECT_EQ(invoke(Label::tcb_set_sched_params, {1, 201}, {own}), range_error(0, 200));
    EXPECT_EQ(invoke(Label::tcb_set_sched_params, {1, 2}, {own}), success);
    EXPECT_TRUE(target.priority == 2 && target.max_priority == 1);
}

TEST_F(TcbTest, SuspendAndResume) {
    Thread& thread = kernel.thread();
    thread.tcb().context.next_ip = 0x5000;
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
    EXPECT_EQ(thread.state(), ThreadState::running);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_suspend), success);
    EXPECT_EQ(thread.state(), ThreadState::inactive);
    EXPECT_EQ(thread.tcb().registers().rip, 0x5000u);
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
    EXPECT_EQ(thread.state(), ThreadState::restart);
}

TEST_F(TcbTest, AThreadThatSuspendsItselfRepeatsThatWhenResumed) {
    Thread& thread = kernel.thread();
    EXPECT_FALSE(thread.start_call(thread.cptr(), {static_cast<u64>(Label::tcb_suspend), {}, {}}));
    EXPECT_EQ(kernel.invoke(thread.cptr(), Label::tcb_resume), success);
    EXPECT_FALSE(thread.again());
    EXPECT_EQ(thread.state(), ThreadState::inactive);
}

TEST_F(TcbTest, BindNotificationChecksInOrder) {
    auto const notification = kernel.notification();
    EXPECT_EQ(invoke(Label::tcb_bind_notification, {}), truncated);
    EXPECT_EQ(invoke(Label::tcb_bind_notification, {}, {endpoint}), illegal_operation);
    EXPECT_EQ(invoke(Label::tcb_bind_notification, {}, {kernel.copy(notification, abi::right::write)}), illegal_operation);
    EXPECT_EQ(invoke(Label::tcb_unbind_notification, {}), illegal_operation);
    EXPECT_EQ(invoke(Label::tcb_bind_notification, {}, {notification}), success);
    EXPECT_EQ(invoke(Label::tcb_bind_notification, {}, {kernel.notification()}), illegal_operation);
    EXPECT_EQ(kernel.invoke(own, Label::tcb_bind_notification, {}, {notification}), illegal_operation);
    EXPECT_EQ(invoke(Label::tcb_unbind_notification, {}), success);
    EXPECT_FALSE(kernel.thread().receive(notification)); // now somebody waits
    EXPECT_EQ(invoke(Label::tcb_bind_notification, {}, {notification}), illegal_operation);
}

TEST_F(TcbTest, SetTlsBaseTakesOnlyWhatTheProcessorTakes) {
    EXPECT_EQ(invoke(Label::tcb_set_tls_base, {}), truncated);
    EXPECT_EQ(kernel.invoke(own, Label::tcb_set_tls_base, {0x1234}), success);
    EXPECT_EQ(kernel.machine.fs_base, 0x1234u);
    EXPECT_EQ(kernel.invoke(own, Label::tcb_set_tls_base, {0x0000800000000000}), success);
    EXPECT_EQ(kernel.machine.fs_base, 0u);
}

TEST_F(TcbTest, SetFlagsTurnsTheFpuOffAndOn) {
    EXPECT_EQ(invoke(Label::tcb_set_flags, {0}), truncated);
    EXPECT_EQ(invoke(Label::tcb_set_flags, {0, ~u64{2}}), returned({1}));
    EXPECT_TRUE(target.fpu_disabled);
    EXPECT_EQ(invoke(Label::tcb_set_flags, {0, 0}), returned({1}));
    EXPECT_EQ(invoke(Label::tcb_set_flags, {1, 0}), returned({0}));
    kernel.machine.fpu[100] = std::byte{9};
    EXPECT_EQ(kernel.invoke(own, Label::tcb_set_flags, {0, 1}), returned({1}));
    EXPECT_FALSE(kernel.machine.fpu_enabled);
    EXPECT_EQ(kernel.root().tcb().context.fpu[100], std::byte{9});
    kernel.machine.fpu[100] = std::byte{};
    EXPECT_EQ(kernel.invoke(own, Label::tcb_set_flags, {1, 0}), returned({0}));
    EXPECT_TRUE(kernel.machine.fpu_enabled);
    EXPECT_EQ(kernel.machine.fpu[100], std::byte{9});
}

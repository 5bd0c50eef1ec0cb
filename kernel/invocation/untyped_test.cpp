// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include <cstring>

#include "kernel/testing/test_kernel.hpp"

namespace {

struct RetypeTest : testing::Test {
    TestKernel kernel;
    CPtr const untyped = kernel.untyped(12);
    CPtr const device = kernel.untyped(13, true);
    CPtr const to = kernel.next_slot();
    static constexpr u64 endpoint = static_cast<u64>(ObjectType::endpoint);

    Answer retype(Words words, std::vector<CPtr> caps = {abi::initial_slot::cnode}) {
        return kernel.invoke(untyped, Label::untyped_retype, std::move(words), std::move(caps));
    }
};

} // namespace

TEST_F(RetypeTest, ChecksInTheOrderOfTheTable) { // ABI 6.3, each call fails every later check too
    u64 const full = abi::initial_slot::tcb;
    EXPECT_EQ(kernel.invoke(untyped, Label::cnode_copy), illegal_operation);
    EXPECT_EQ(retype({99, 64, 0, 0, 0}), truncated);
    EXPECT_EQ(retype({99, 64, 0, 0, 0, 0}, {}), truncated);
    EXPECT_EQ(retype({12, 64, 0, 0, 0, 0}), invalid_argument(0));
    EXPECT_EQ(retype({0xffffff, 64, 0, 0, 0, 0}), invalid_argument(0));
    EXPECT_EQ(retype({endpoint, 64, 0, 65, 0, 0}), range_error(0, 47));
    EXPECT_EQ(retype({static_cast<u64>(ObjectType::untyped), 48, 0, 65, 0, 0}), range_error(0, 47));
    EXPECT_EQ(retype({static_cast<u64>(ObjectType::cnode), 43, 0, 65, 0, 0}), range_error(0, 47));
    EXPECT_EQ(retype({static_cast<u64>(ObjectType::cnode), 0, 0, 65, 0, 0}), invalid_argument(1));
    EXPECT_EQ(retype({static_cast<u64>(ObjectType::untyped), 3, 0, 65, 0, 0}), invalid_argument(1));
    EXPECT_EQ(retype({endpoint, 0, 0, 65, 0, 0}), range_error(1, 64));
    EXPECT_EQ(retype({endpoint, 0, full, 64, 0, 0}, {abi::initial_slot::domain}), invalid_root(Which::destination));
    EXPECT_EQ(retype({endpoint, 0, full, 64, 0, 0}), missing(Which::destination, 64));
    EXPECT_EQ(retype({endpoint, 0, 0, 0, 0, 0}, {abi::initial_slot::domain}), missing(Which::destination, 0));
    EXPECT_EQ(retype({endpoint, 0, 0, 0, kernel.root_size(), 0}), range_error(0, kernel.root_size() - 1));
    EXPECT_EQ(retype({endpoint, 0, 0, 0, full, 0}), range_error(1, 256));
    EXPECT_EQ(retype({endpoint, 0, 0, 0, full, 257}), range_error(1, 256));
    EXPECT_EQ(retype({endpoint, 0, 0, 0, kernel.root_size() - 2, 3}), range_error(1, 2));
    EXPECT_EQ(retype({static_cast<u64>(ObjectType::large_page), 0, 0, 0, full, 1}), delete_first);
    EXPECT_EQ(retype({static_cast<u64>(ObjectType::large_page), 0, 0, 0, to, 1}), not_enough_memory(4096));
    EXPECT_EQ(kernel.try_retype(device, ObjectType::tcb, 0, to, 5), not_enough_memory(8192));
    EXPECT_EQ(kernel.try_retype(device, ObjectType::tcb, 0, to), invalid_argument(1));
    EXPECT_TRUE(kernel.empty(to));
}

TEST_F(RetypeTest, FindsTheNodeThroughASlot) {
    auto const node = kernel.cnode(2);
    EXPECT_EQ(retype({endpoint, 0, node, 64, 3, 1}), success);
    EXPECT_EQ(retype({endpoint, 0, node, 64, 4, 1}), range_error(0, 3));
    EXPECT_EQ(kernel.at<Slot>(node).cap(), Cap{});
    EXPECT_TRUE((&kernel.at<Slot>(node))[3].cap().is<EndpointCap>());
}

TEST_F(RetypeTest, PlacesObjectsOneAfterTheOtherAlignedToTheirSize) {
    EXPECT_EQ(kernel.try_retype(untyped, ObjectType::endpoint, 0, to), success);
    auto const first = kernel.retype(untyped, ObjectType::cnode, 2, 2); // 128 bytes each
    u64 const base = kernel.get<UntypedCap>(untyped).base.value;
    EXPECT_EQ(machine::physical(kernel.get<CNodeCap>(first).slots).value, base + 128);
    EXPECT_EQ(machine::physical(kernel.get<CNodeCap>(first + 1).slots).value, base + 256);
    EXPECT_EQ(kernel.get<UntypedCap>(untyped).free_offset, 384u);
    EXPECT_EQ(kernel.try_retype(untyped, ObjectType::tcb, 0, kernel.next_slot(), 2), not_enough_memory(4096 - 384));
}

TEST_F(RetypeTest, MakesWhatTheTableSays) { // ABI 6.4
    auto const big = kernel.untyped(23);
    auto const make = [&](ObjectType type, u64 bits = 0) { return kernel.retype(big, type, bits); };
    EXPECT_EQ(kernel.get<EndpointCap>(make(ObjectType::endpoint)).rights.to_abi(), 15u);
    EXPECT_EQ(kernel.get<NotificationCap>(make(ObjectType::notification)).rights.to_abi(), 3u);
    auto const node = kernel.get<CNodeCap>(make(ObjectType::cnode, 3));
    EXPECT_TRUE(node.radix == 3 && node.guard_size == 0 && node.guard == 0);
    auto const small = kernel.get<FrameCap>(make(ObjectType::small_page));
    EXPECT_TRUE(small.rights == FrameRights::read_write && small.mapped_in == MappedIn::nothing && !small.device);
    EXPECT_EQ(kernel.get<FrameCap>(make(ObjectType::large_page)).size, PageSize::large);
    auto const pml4 = kernel.get<Pml4Cap>(make(ObjectType::pml4));
    EXPECT_FALSE(pml4.mapped);
    EXPECT_EQ(pml4.table->entries[511], HostMachine::kernel_entry);
    for (ObjectType const type : {ObjectType::pdpt, ObjectType::page_directory, ObjectType::page_table})
        EXPECT_FALSE(kernel.get<PageTableCap>(make(type)).mapped);
    auto const child = kernel.get<UntypedCap>(make(ObjectType::untyped, 5));
    EXPECT_TRUE(child.size_bits == 5 && child.free_offset == 0 && !child.device);
    Tcb const& tcb = *kernel.get<TcbCap>(make(ObjectType::tcb)).object;
    EXPECT_EQ(tcb.state, ThreadState::inactive);
    EXPECT_EQ(tcb.context.registers.rflags, 0x202u);
    EXPECT_TRUE(tcb.priority == 0 && tcb.max_priority == 0 && tcb.time_slice == 5 && !tcb.fpu_disabled);
    EXPECT_STREQ(tcb.name, "child of: 'root'");
    EXPECT_EQ(static_cast<unsigned>(tcb.context.fpu[0]), 0x7fu);
}

TEST_F(RetypeTest, DeviceMemoryBecomesUntypedOrFrames) {
    EXPECT_EQ(kernel.try_retype(device, ObjectType::untyped, 12, to), success);
    EXPECT_TRUE(kernel.get<UntypedCap>(to).device);
    auto const frame = kernel.retype(device, ObjectType::small_page);
    EXPECT_TRUE(kernel.get<FrameCap>(frame).device);
}

TEST_F(RetypeTest, ClearsWhatWasUsedWhenNoChildIsLeft) {
    auto const frame = kernel.retype(untyped, ObjectType::small_page);
    std::byte* const memory = machine::window(kernel.get<FrameCap>(frame).base);
    std::memset(memory, 0xff, 4096);
    EXPECT_EQ(kernel.try_retype(untyped, ObjectType::endpoint, 0, kernel.next_slot()), not_enough_memory(0));
    kernel.remove(frame);
    auto const after = kernel.retype(untyped, ObjectType::endpoint);
    EXPECT_EQ(cap_bits::pointer(memory), cap_bits::pointer(kernel.get<EndpointCap>(after).object));
    for (unsigned i = 16; i < 4096; ++i) ASSERT_EQ(memory[i], std::byte{}) << i;
}

TEST_F(RetypeTest, DeviceMemoryIsNeverCleared) {
    auto const frame = kernel.retype(device, ObjectType::small_page);
    std::byte* const memory = machine::window(kernel.get<FrameCap>(frame).base);
    *memory = std::byte{7};
    kernel.remove(frame);
    kernel.retype(device, ObjectType::small_page);
    EXPECT_EQ(*memory, std::byte{7});
}

TEST(Retype, GoesOnWhereItWasStoppedWhileClearing) {
    TestKernel kernel(TestKernel::preempting());
    kernel.machine.interrupt_pending = true;
    auto const untyped = kernel.untyped(12);
    auto const frame = kernel.retype(untyped, ObjectType::small_page);
    std::memset(machine::window(kernel.get<FrameCap>(frame).base), 0xff, 4096);
    kernel.remove(frame);
    kernel.preemptions = 0;
    kernel.retype(untyped, ObjectType::tcb);
    EXPECT_EQ(kernel.preemptions, 15u); // 16 pieces of 256 bytes
    EXPECT_EQ(kernel.get<UntypedCap>(untyped).free_offset, 2048u);
}

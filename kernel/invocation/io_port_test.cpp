// SPDX-License-Identifier: Apache-2.0
// I/O ports: ABI 7.9.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

using abi::initial_slot::cnode;
using abi::initial_slot::io_port_control;

struct IoPortTest : testing::Test {
    TestKernel kernel;
    CPtr const to = kernel.next_slot();
    Answer issue(Words words, std::vector<CPtr> caps = {cnode}) {
        return kernel.invoke(io_port_control, Label::x86_io_port_control_issue, words, caps);
    }
};

} // namespace

TEST_F(IoPortTest, RangesAreIssuedWithChecksInOrder) {
    EXPECT_EQ(kernel.invoke(io_port_control, Label::x86_io_port_in8), illegal_operation);
    EXPECT_EQ(issue({2, 1, cnode}), truncated);
    EXPECT_EQ(issue({2, 1, cnode, 65}, {}), truncated);
    EXPECT_EQ(issue({2, 1, cnode, 65}), invalid_argument(1));
    EXPECT_EQ(issue({0x3f8, 0x3ff, to, 64}), success);
    EXPECT_EQ(issue({0x3ff, 0x500, cnode, 65}), revoke_first);
    EXPECT_EQ(issue({0x300, 0x3f8, cnode, 65}), revoke_first);
    EXPECT_EQ(issue({0x400, 0x500, cnode, 65}), range_error(1, 64));
    EXPECT_EQ(issue({0x400, 0x500, cnode, 64}), delete_first);
    EXPECT_EQ(issue({0x10000, 0x10001, kernel.next_slot(), 64}), success); // cut to 16 bits
}

TEST_F(IoPortTest, AreFreeAgainWithTheLastCopy) {
    EXPECT_EQ(issue({0, 0xffff, to, 64}), success);
    auto const copy = kernel.copy(to);
    kernel.remove(to);
    EXPECT_EQ(issue({5, 5, to, 64}), revoke_first);
    kernel.remove(copy);
    EXPECT_EQ(issue({5, 5, to, 64}), success);
}

TEST_F(IoPortTest, AccessesStayInTheRange) {
    EXPECT_EQ(issue({0x60, 0x63, to, 64}), success);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_in8), truncated);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_out8, {0x60}), truncated);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_control_issue, {0x60}), illegal_operation);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_in8, {0x64}), illegal_operation);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_in8, {0x5f}), illegal_operation);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_in16, {0x63}), illegal_operation);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_out32, {0x61, 1}), illegal_operation);
    EXPECT_TRUE(kernel.machine.port_accesses.empty());
    kernel.machine.port_value = 0x1234;
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_in8, {0x63}), returned({0x1234}));
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_in16, {0x62}), returned({0x1234}));
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_in32, {0x60}), returned({0x1234}));
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_out8, {0x60, 5}), success);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_out16, {0x61, 6}), success);
    EXPECT_EQ(kernel.invoke(to, Label::x86_io_port_out32, {0x60, 7}), success);
    EXPECT_EQ(kernel.machine.port_accesses,
              (std::vector<HostMachine::PortAccess>{{0x63, 1, {}}, {0x62, 2, {}}, {0x60, 4, {}}, {0x60, 1, 5}, {0x61, 2, 6}, {0x60, 4, 7}}));
}

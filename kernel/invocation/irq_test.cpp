// SPDX-License-Identifier: Apache-2.0
// Interrupts: ABI 7.4.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

using abi::initial_slot::cnode;
using abi::initial_slot::irq_control;

struct IrqTest : testing::Test {
    TestKernel kernel;
    CPtr const notification = kernel.notification();
    CPtr const badged = kernel.mint(notification, 8);
    CPtr const to = kernel.next_slot();
    Answer io_apic(Words words, std::vector<CPtr> caps = {cnode}) {
        return kernel.invoke(irq_control, Label::x86_irq_issue_irq_handler_io_apic, words, caps);
    }
    Answer msi(Words words) { return kernel.invoke(irq_control, Label::x86_irq_issue_irq_handler_msi, words, {cnode}); }
    HostMachine::Line& line(unsigned pin) { return kernel.machine.lines.at({0, pin}); }
};

} // namespace

TEST_F(IrqTest, HandlersAreIssuedWithChecksInOrder) {
    CPtr const full = notification;
    EXPECT_EQ(kernel.invoke(irq_control, Label::irq_ack_irq), illegal_operation);
    EXPECT_EQ(kernel.invoke(irq_control, Label::irq_issue_irq_handler, {1, to}, {cnode}), truncated);
    EXPECT_EQ(kernel.invoke(irq_control, Label::irq_issue_irq_handler, {1, to, 64}, {cnode}), illegal_operation);
    EXPECT_EQ(io_apic({full, 65, 9, 99, 2, 2}), truncated);
    EXPECT_EQ(io_apic({full, 65, 9, 99, 2, 2, 108}, {}), truncated);
    EXPECT_EQ(io_apic({full, 65, 9, 99, 2, 2, 108}), range_error(0, 107));
    EXPECT_EQ(msi({kernel.next_slot(), 64, 0, 0, 0, 0, 7}), success);
    EXPECT_EQ(io_apic({full, 65, 9, 99, 2, 2, 7}), revoke_first);
    EXPECT_EQ(io_apic({full, 65, 9, 99, 2, 2, 0}), range_error(1, 64));
    EXPECT_EQ(io_apic({full, 64, 9, 99, 2, 2, 0}), delete_first);
    EXPECT_EQ(io_apic({to, 64, 9, 99, 2, 2, 0}), range_error(0, 0));
    EXPECT_EQ(io_apic({to, 64, 0, 24, 2, 2, 0}), range_error(0, 23));
    EXPECT_EQ(io_apic({to, 64, 0, 23, 2, 2, 0}), range_error(0, 1));
    EXPECT_EQ(io_apic({to, 64, 0, 23, 1, 2, 0}), range_error(0, 1));
    kernel.machine.io_apics = 0;
    EXPECT_EQ(io_apic({to, 64, 0, 24, 2, 2, 0}), illegal_operation);
    kernel.machine.io_apics = 1;
    EXPECT_EQ(io_apic({to, 64, 0, 23, 1, 0, 107}), success);
    EXPECT_EQ(line(23), (HostMachine::Line{true, false, false, 0x9b}));
}

TEST_F(IrqTest, MessageSignalledOnesCheckTheirAddress) {
    EXPECT_EQ(msi({to, 64, 256, 32, 8, 0, 1}), range_error(0, 255));
    EXPECT_EQ(msi({to, 64, 255, 32, 8, 0, 1}), range_error(0, 31));
    EXPECT_EQ(msi({to, 64, 255, 31, 8, 0, 1}), range_error(0, 7));
    EXPECT_EQ(msi({to, 64, 255, 31, 7, 0, 1}), success);
    EXPECT_TRUE(kernel.machine.lines.empty());
}

TEST_F(IrqTest, AnInterruptSignalsAndIsMaskedUntilAcknowledged) {
    EXPECT_EQ(io_apic({to, 64, 0, 4, 0, 1, 4}), success);
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler), truncated);
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler, {}, {to}), invalid_capability(0));
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler, {}, {kernel.copy(badged, abi::right::read)}), invalid_capability(0));
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler, {}, {badged}), success);
    EXPECT_EQ(kernel.invoke(to, Label::tcb_suspend), illegal_operation);
    Thread& driver = kernel.thread();
    EXPECT_FALSE(driver.receive(notification));
    kernel.interrupt(4);
    EXPECT_EQ(driver.badge(), 8u);
    EXPECT_TRUE(line(4).masked);
    EXPECT_EQ(kernel.machine.ends_of_interrupt, 1u);
    EXPECT_EQ(driver.invoke(to, Label::irq_ack_irq), success);
    EXPECT_FALSE(line(4).masked);
}

TEST_F(IrqTest, WithoutAListenerTheLineIsMasked) {
    EXPECT_EQ(io_apic({to, 64, 0, 4, 0, 1, 4}), success);
    kernel.interrupt(4);
    EXPECT_TRUE(line(4).masked);
    kernel.interrupt(9); // of no handler at all
    kernel.handle(InterruptEvent{machine::spurious_vector});
    EXPECT_EQ(kernel.machine.ends_of_interrupt, 2u);
    kernel.handle(InterruptEvent{machine::timer_vector});
    EXPECT_EQ(kernel.machine.ends_of_interrupt, 3u);
}

TEST_F(IrqTest, ClearAndRevocationForgetTheNotification) {
    EXPECT_EQ(io_apic({to, 64, 0, 4, 0, 1, 4}), success);
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler, {}, {badged}), success);
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler, {}, {notification}), success); // instead
    EXPECT_EQ(kernel.kernel.irqs.notification(4).cap(), kernel.cap(notification));
    EXPECT_EQ(kernel.invoke(to, Label::irq_clear_irq_handler), success);
    EXPECT_TRUE(kernel.kernel.irqs.notification(4).empty());
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler, {}, {badged}), success);
    kernel.revoke(badged);
    EXPECT_TRUE(kernel.kernel.irqs.notification(4).empty());
}

TEST_F(IrqTest, DeletingTheLastHandlerFreesTheVector) {
    EXPECT_EQ(io_apic({to, 64, 0, 4, 0, 1, 4}), success);
    EXPECT_EQ(kernel.invoke(to, Label::irq_set_irq_handler, {}, {badged}), success);
    auto const copy = kernel.copy(to);
    kernel.remove(to);
    EXPECT_TRUE(kernel.kernel.irqs.in_use(4));
    kernel.remove(copy);
    EXPECT_FALSE(kernel.kernel.irqs.in_use(4));
    EXPECT_TRUE(line(4).masked && kernel.kernel.irqs.notification(4).empty());
    EXPECT_EQ(io_apic({to, 64, 0, 4, 0, 1, 4}), success);
}

// SPDX-License-Identifier: Apache-2.0
// I/O ports, and an interrupt that a port write causes: COM1's when its transmitter is empty.
#include "bench/kernel/invocation.hpp"
#include "bench/kernel/measurements.hpp"
#include "user/irq.hpp"

namespace {

using enum abi::Label;
using enum abi::Syscall;

constexpr u16 interrupt_enable = 0x3f9;
constexpr u16 scratch = 0x3ff;
constexpr u64 when_transmitter_is_empty = 2;
constexpr u64 pin = 4;

} // namespace

void measure_ports(World&) {
    auto const port = console().cptr;
    report(name("ioport.in8"), least([&] { return timed_invocation(port, x86_io_port_in8, {scratch}); }));
    report(name("ioport.out8"), least([&] { return timed_invocation(port, x86_io_port_out8, {scratch, 0}); }));
}

void measure_interrupts(World& world, Where where) {
    auto const port = console().cptr;
    auto const bell = world.make<user::Notification>();
    auto const slot = world.take_slot();
    user::IrqControl const control{abi::initial_slot::irq_control};
    auto const handler = control.issue(
        user::IrqControl::IoApicLine{.io_apic = 0, .pin = pin, .level_triggered = false, .active_low = false, .vector = pin}, world.cnode, slot);
    must("take COM1's interrupt", handler);
    must("have it signalled", handler->set_notification(bell.object()));
    (void)handler->acknowledge();
    Worker const waiter(world, {.loop = bench_repeat_timed, .where = where, .call = {.number = recv, .cptr = bell.cptr()}, .priority = main_priority + 1});
    u64 acknowledging = ~u64{0};
    u64 const arriving = least([&] {
        auto enable = invocation(port, x86_io_port_out8, {interrupt_enable, when_transmitter_is_empty});
        bench_timed_full(&enable);
        check(enable);
        u64 const count = between(enable.before, waiter.call().behind);
        must("silence the UART", console().out8(interrupt_enable, 0));
        u64 const ack = timed_invocation(handler->cptr, irq_ack_irq);
        keep_least(acknowledging, ack);
        return count;
    });
    report(name("irq.out8_to_waiter.", text(where)), arriving);
    report(name("irq.ack.", text(where)), acknowledging);
    must("give the interrupt back", world.cnode.remove(slot));
    world.slots.give_back(slot);
}

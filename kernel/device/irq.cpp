// SPDX-License-Identifier: Apache-2.0
#include "kernel/device/irq.hpp"

#include "kernel/ipc/notification.hpp"

void IrqTable::issue_io_apic(unsigned vector, Line line, bool level, bool active_low) {
    Entry& entry = entries_[vector];
    entry.kind = Kind::io_apic;
    entry.io_apic = static_cast<u8>(line.io_apic);
    entry.pin = static_cast<u8>(line.pin);
    machine::route_io_apic(line.io_apic, line.pin, level, active_low,
                           static_cast<u8>(vector + machine::first_irq_vector));
}

void IrqTable::issue_msi(unsigned vector) { entries_[vector].kind = Kind::msi; }

void IrqTable::release(unsigned vector) {
    set_masked(vector, true);
    entries_[vector].kind = Kind::free;
}

void IrqTable::set_masked(unsigned vector, bool masked) {
    Entry const& entry = entries_[vector];
    if (entry.kind == Kind::io_apic) machine::mask_io_apic(entry.io_apic, entry.pin, masked);
}

void IrqTable::deliver(Kernel& kernel, unsigned vector) {
    auto const target = entries_[vector].notification.cap().as<NotificationCap>();
    // Masked until the driver acknowledges: a level-triggered line would come back at once.
    set_masked(vector, true);
    if (target) target->object->signal(kernel, target->badge);
}

// SPDX-License-Identifier: Apache-2.0
// Interrupts as user level sees them: abstract vectors 0..107, each with at most one handler object (ABI 7.4).
#pragma once

#include "abi/profile.hpp"
#include "kernel/capability/slot.hpp"

class Kernel;

class IrqTable {
public:
    static constexpr unsigned vectors = abi::max_irq_vector + 1;
    struct Line { // where an I/O APIC interrupt comes from
        unsigned io_apic, pin;
    };

    bool in_use(u64 vector) const { return entries_[vector].kind != Kind::free; }
    void issue_io_apic(unsigned vector, Line line, bool level, bool active_low);
    void issue_msi(unsigned vector);
    void acknowledge(unsigned vector) { set_masked(vector, false); }
    // The kernel's copy of the notification capability to signal.
    Slot& notification(unsigned vector) { return entries_[vector].notification; }
    // The last handler capability went away. The notification slot is empty already.
    void release(unsigned vector);
    // The processor took the interrupt: signal, or mask when nobody listens.
    void deliver(Kernel& kernel, unsigned vector);

private:
    enum class Kind : u8 { free, io_apic, msi };
    struct Entry {
        Slot notification;
        Kind kind{};
        u8 io_apic{};
        u8 pin{};
    };
    void set_masked(unsigned vector, bool masked);
    Entry entries_[vectors];
};

// SPDX-License-Identifier: Apache-2.0
// Interrupts: ABI 7.4.
#pragma once

#include "user/cnode.hpp"
#include "user/ipc.hpp"

namespace user {

struct IrqHandler {
    CPtr cptr{};
    // Unmasks the line: the interrupt has been dealt with.
    Result<> acknowledge() const { return perform(cptr, abi::Label::irq_ack_irq); }
    Result<> set_notification(Notification notification) const {
        return perform(cptr, abi::Label::irq_set_irq_handler, {}, {notification.cptr});
    }
    Result<> clear() const { return perform(cptr, abi::Label::irq_clear_irq_handler); }
};

struct IrqControl {
    CPtr cptr{};

    struct IoApicLine {
        u64 io_apic, pin;
        bool level_triggered, active_low;
        u64 vector; // 0..abi::max_irq_vector, one per line
    };
    Result<IrqHandler> issue(IoApicLine line, CNode to, u64 slot, u64 depth = full_depth) const {
        TRY(perform(cptr, abi::Label::x86_irq_issue_irq_handler_io_apic,
                    {slot, depth, line.io_apic, line.pin, line.level_triggered, line.active_low,
                     line.vector},
                    {to.cptr}));
        return IrqHandler{slot};
    }
    struct MessageSignalled {
        u64 bus, device, function, handle;
        u64 vector;
    };
    Result<IrqHandler> issue(MessageSignalled source, CNode to, u64 slot,
                             u64 depth = full_depth) const {
        TRY(perform(
            cptr, abi::Label::x86_irq_issue_irq_handler_msi,
            {slot, depth, source.bus, source.device, source.function, source.handle, source.vector},
            {to.cptr}));
        return IrqHandler{slot};
    }
};

} // namespace user

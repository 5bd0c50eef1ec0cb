// SPDX-License-Identifier: Apache-2.0
// Interrupt control and handlers: ABI 7.4.
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/invocation.hpp"
#include "kernel/kernel.hpp"
#include "kernel/machine/bounded_index.hpp"

namespace {

using abi::Label;

struct Destination { // of a new handler: what GetIOAPIC and GetMSI check alike
    Slot& control;
    Slot& to;
    unsigned vector;
};

std::expected<Destination, InvocationError> decode_destination(Invocation const& call) {
    TRY(call.needs(7, 1));
    if (call.word(6) > abi::max_irq_vector) return refuse(RangeError{0, abi::max_irq_vector});
    u64 const vector = machine::bounded_index(call.word(6), IrqTable::vectors);
    if (call.kernel.irqs.in_use(vector)) return refuse(RevokeFirst{});
    Slot* const to = TRY(lookup_empty_slot(call.extra[0]->cap(), call.word(0), call.word(1)));
    return Destination{call.slot, *to, static_cast<unsigned>(vector)};
}

void issue(Destination const& destination) {
    DerivationList::insert(IrqHandlerCap{destination.vector}, destination.control, destination.to);
}

struct GetIoApic {
    Destination destination;
    IrqTable::Line line;
    bool level;
    bool active_low;
    static std::expected<GetIoApic, InvocationError> decode(Invocation const& call) {
        auto const destination = TRY(decode_destination(call));
        u64 const pin = call.word(3);
        unsigned const count = machine::io_apic_count();
        if (count == 0) return refuse(IllegalOperation{});
        if (call.word(2) >= count) return refuse(RangeError{0, count - 1});
        u64 const io_apic = machine::bounded_index(call.word(2), count);
        unsigned const pins = machine::io_apic_pins(static_cast<unsigned>(io_apic));
        if (pin >= pins) return refuse(RangeError{0, pins - 1});
        if (call.word(4) > 1 || call.word(5) > 1) return refuse(RangeError{0, 1});
        return GetIoApic{destination,
                         {static_cast<unsigned>(io_apic), static_cast<unsigned>(pin)},
                         call.word(4) == 1,
                         call.word(5) == 1};
    }
    Performed perform(Kernel& kernel) const {
        kernel.irqs.issue_io_apic(destination.vector, line, level, active_low);
        issue(destination);
        return Reply{};
    }
};

struct GetMsi {
    Destination destination;
    static std::expected<GetMsi, InvocationError> decode(Invocation const& call) {
        auto const destination = TRY(decode_destination(call));
        if (call.word(2) > 255) return refuse(RangeError{0, 255});
        if (call.word(3) > 31) return refuse(RangeError{0, 31});
        if (call.word(4) > 7) return refuse(RangeError{0, 7});
        return GetMsi{destination};
    }
    Performed perform(Kernel& kernel) const {
        kernel.irqs.issue_msi(destination.vector);
        issue(destination);
        return Reply{};
    }
};

unsigned vector_of(Invocation const& call) { return call.cap().get<IrqHandlerCap>().vector; }

struct Acknowledge {
    unsigned vector;
    static std::expected<Acknowledge, InvocationError> decode(Invocation const& call) {
        return Acknowledge{vector_of(call)};
    }
    Performed perform(Kernel& kernel) const {
        kernel.irqs.acknowledge(vector);
        return Reply{};
    }
};

struct SetNotification {
    unsigned vector;
    Slot& source;
    static std::expected<SetNotification, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(0, 1));
        auto const cap = call.extra[0]->cap().as<NotificationCap>();
        if (!cap || !cap->rights.write()) return refuse(InvalidCapability{0});
        return SetNotification{vector_of(call), *call.extra[0]};
    }
    Performed perform(Kernel& kernel) const {
        Slot& kept = kernel.irqs.notification(vector);
        delete_simple(kernel, kept);
        DerivationList::insert(source.cap(), source, kept);
        return Reply{};
    }
};

struct Clear {
    unsigned vector;
    static std::expected<Clear, InvocationError> decode(Invocation const& call) {
        return Clear{vector_of(call)};
    }
    Performed perform(Kernel& kernel) const {
        delete_simple(kernel, kernel.irqs.notification(vector));
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_irq_control(Invocation const& call) {
    switch (call.label) {
    case Label::irq_issue_irq_handler: // of the legacy controller, which is masked for good
        TRY(call.needs(3, 1));
        return refuse(IllegalOperation{});
    case Label::x86_irq_issue_irq_handler_io_apic: return carry_out<GetIoApic>(call);
    case Label::x86_irq_issue_irq_handler_msi: return carry_out<GetMsi>(call);
    default: return refuse(IllegalOperation{});
    }
}

InvocationResult invoke_irq_handler(Invocation const& call) {
    switch (call.label) {
    case Label::irq_ack_irq: return carry_out<Acknowledge>(call);
    case Label::irq_set_irq_handler: return carry_out<SetNotification>(call);
    case Label::irq_clear_irq_handler: return carry_out<Clear>(call);
    default: return refuse(IllegalOperation{});
    }
}

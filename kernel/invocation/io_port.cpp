// SPDX-License-Identifier: Apache-2.0
// I/O ports: ABI 7.9.
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/invocation.hpp"
#include "kernel/kernel.hpp"

namespace {

using abi::Label;

struct Issue {
    Slot& control;
    Slot& to;
    u16 first, last;
    static std::expected<Issue, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(4, 1));
        auto const first = static_cast<u16>(call.word(0));
        auto const last = static_cast<u16>(call.word(1));
        if (last < first) return refuse(InvalidArgument{1});
        if (call.kernel.io_ports.any_in_use(first, last)) return refuse(RevokeFirst{});
        Slot* const to = TRY(lookup_empty_slot(call.extra[0]->cap(), call.word(2), call.word(3)));
        return Issue{call.slot, *to, first, last};
    }
    Performed perform(Kernel& kernel) const {
        kernel.io_ports.issue(first, last);
        DerivationList::insert(IoPortCap{first, last}, control, to);
        return Reply{};
    }
};

struct Access {
    u16 port;
    unsigned bytes;
    bool out;
    u32 value;
    static std::expected<Access, InvocationError> decode(Invocation const& call) {
        auto const number = std::to_underlying(call.label);
        auto const first_in = std::to_underlying(Label::x86_io_port_in8);
        bool const out = call.label >= Label::x86_io_port_out8;
        TRY(call.needs(out ? 2 : 1, 0));
        unsigned const bytes = 1u << ((number - first_in) % 3);
        auto const port = static_cast<u16>(call.word(0));
        auto const range = call.cap().get<IoPortCap>();
        if (port < range.first || u32{port} + bytes - 1 > range.last) return refuse(IllegalOperation{});
        return Access{port, bytes, out, out ? static_cast<u32>(call.word(1)) : 0};
    }
    Performed perform(Kernel&) const {
        if (!out) return Reply{machine::port_in(port, bytes)};
        machine::port_out(port, bytes, value);
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_io_port_control(Invocation const& call) {
    if (call.label != Label::x86_io_port_control_issue) return refuse(IllegalOperation{});
    return carry_out<Issue>(call);
}

InvocationResult invoke_io_port(Invocation const& call) {
    if (call.label < Label::x86_io_port_in8 || call.label > Label::x86_io_port_out32)
        return refuse(IllegalOperation{});
    return carry_out<Access>(call);
}

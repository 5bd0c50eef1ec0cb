// SPDX-License-Identifier: Apache-2.0
// Virtual CPUs: ABI 7.12.
#include "kernel/device/vcpu.hpp"

#include "abi/shadow_root.hpp"
#include "kernel/capability/derivation.hpp"
#include "kernel/invocation/tcb.hpp"
#include "kernel/kernel.hpp"
#include "kernel/objects.hpp"

namespace {

using abi::Label;

Vcpu& vcpu_of(Invocation const& call) { return *call.cap().get<VcpuCap>().object; }

struct SetTcb {
    Vcpu& vcpu;
    Tcb& thread;
    static std::expected<SetTcb, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(0, 1));
        auto const thread = call.extra[0]->cap().as<TcbCap>();
        // Also refused where the processor runs no guests: monitors learn it here, before they
        // build anything.
        if (!thread || !machine::guest_support().present) return refuse(IllegalOperation{});
        return SetTcb{vcpu_of(call), *thread->object};
    }
    Performed perform(Kernel& kernel) const {
        kernel.unbind_vcpu(vcpu);
        if (thread.vcpu) kernel.unbind_vcpu(*thread.vcpu);
        vcpu.bind(thread);
        return Reply{};
    }
};

struct ReadField {
    u64 value;
    static std::expected<ReadField, InvocationError> decode(Invocation const& call) {
        if (call.length < 1) return refuse(IllegalOperation{});
        auto const value = call.label == Label::vcpu_read_vmcs
                               ? vcpu_of(call).read(call.word(0))
                               : vcpu_of(call).read_msr(call.word(0));
        if (!value) return refuse(IllegalOperation{});
        return ReadField{*value};
    }
    Performed perform(Kernel&) const { return Reply{value}; }
};

struct WriteField {
    Vcpu& vcpu;
    bool msr;
    u64 field, value;
    static std::expected<WriteField, InvocationError> decode(Invocation const& call) {
        if (call.length < 2) return refuse(IllegalOperation{});
        bool const msr = call.label == Label::vcpu_write_msr;
        u64 const field = call.word(0);
        if (!(msr ? Vcpu::may_write_msr(field) : vcpu_of(call).may_write(field)))
            return refuse(IllegalOperation{});
        return WriteField{vcpu_of(call), msr, field, call.word(1)};
    }
    Performed perform(Kernel&) const {
        return Reply{*(msr ? vcpu.write_msr(field, value) : vcpu.write(field, value))};
    }
};

struct EnablePorts {
    Vcpu& vcpu;
    Slot& ports_slot;
    IoPortCap ports; // as it will be: with the Vcpu's number
    u16 first, last;
    static std::expected<EnablePorts, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 1));
        auto ports = call.extra[0]->cap().as<IoPortCap>();
        if (!ports) return refuse(IllegalOperation{});
        u64 const first = call.word(0), last = call.word(1);
        if (first < ports->first || last > ports->last || first > last)
            return refuse(InvalidArgument{0});
        unsigned const number = call.kernel.vcpus.number_for(vcpu_of(call));
        if (!number) return refuse(DeleteFirst{});
        // One capability opens ports of one guest: copies can be made for others.
        if (ports->vcpu && ports->vcpu != number && call.kernel.vcpus.find(ports->vcpu))
            return refuse(IllegalOperation{});
        ports->vcpu = static_cast<u16>(number);
        return EnablePorts{vcpu_of(call), *call.extra[0], *ports, static_cast<u16>(first),
                           static_cast<u16>(last)};
    }
    Performed perform(Kernel& kernel) const {
        kernel.vcpus.assign(vcpu, ports.vcpu);
        ports_slot.update(ports);
        vcpu.enable_ports(first, last);
        return Reply{};
    }
};

struct DisablePorts {
    Vcpu& vcpu;
    u16 first, last;
    static std::expected<DisablePorts, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(2, 0));
        return DisablePorts{vcpu_of(call), static_cast<u16>(call.word(0)),
                            static_cast<u16>(call.word(1))};
    }
    Performed perform(Kernel&) const {
        vcpu.disable_ports(first, last);
        return Reply{};
    }
};

struct WriteRegisters {
    Vcpu& vcpu;
    abi::VcpuRegisters registers;
    static std::expected<WriteRegisters, InvocationError> decode(Invocation const& call) {
        constexpr unsigned count = sizeof(abi::VcpuRegisters) / sizeof(u64);
        TRY(call.needs(count, 0));
        u64 w[count];
        for (unsigned i = 0; i < count; ++i) w[i] = call.word(i);
        return WriteRegisters{vcpu_of(call),
                              {w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10],
                               w[11], w[12], w[13], w[14]}};
    }
    Performed perform(Kernel&) const {
        vcpu.registers() = registers;
        return Reply{};
    }
};

// An EPT PML4 with an ASID, as it will stand in a thread's slot.
std::expected<Cap, InvocationError> derive_root(Slot const& source) {
    if (!source.cap().is<EptPml4Cap>()) return refuse(IllegalOperation{});
    return objects::derive(source, source.cap());
}

struct SetEptRoot {
    Tcb& target;
    Slot& source;
    Cap root;
    static std::expected<SetEptRoot, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(0, 1));
        return SetEptRoot{target_of(call), *call.extra[0], TRY(derive_root(*call.extra[0]))};
    }
    Performed perform(Kernel& kernel) const {
        Slot& slot = target.slot(Tcb::ept_root);
        delete_simple(kernel, slot); // an EPT PML4 has no slots inside
        DerivationList::insert(root, source, slot);
        return Reply{};
    }
};

struct SetSharedRoot { // abi/shadow_root.hpp
    Tcb& target;
    u64 first;
    Slot* source; // null: none from now on
    Cap root;
    static std::expected<SetSharedRoot, InvocationError> decode(Invocation const& call) {
        TRY(call.needs(1, 0));
        u64 const first = call.word(0) & abi::shared_root_address;
        if (first % (u64{1} << level_shift::pdpt) != 0) return refuse(AlignmentError{});
        if (call.extra_count == 0) return SetSharedRoot{target_of(call), 0, nullptr, {}};
        return SetSharedRoot{target_of(call), first, call.extra[0], TRY(derive_root(*call.extra[0]))};
    }
    Performed perform(Kernel& kernel) const {
        Slot& slot = target.slot(Tcb::shared_root);
        delete_simple(kernel, slot);
        target.first_shared = first;
        target.shared_root_visible = true;
        if (source) DerivationList::insert(root, *source, slot);
        return Reply{};
    }
};

} // namespace

InvocationResult invoke_vcpu(Invocation const& call) {
    switch (call.label) {
    case Label::vcpu_set_tcb: return carry_out<SetTcb>(call);
    case Label::vcpu_read_vmcs:
    case Label::vcpu_read_msr: return carry_out<ReadField>(call);
    case Label::vcpu_write_vmcs:
    case Label::vcpu_write_msr: return carry_out<WriteField>(call);
    case Label::vcpu_enable_io_port: return carry_out<EnablePorts>(call);
    case Label::vcpu_disable_io_port: return carry_out<DisablePorts>(call);
    case Label::vcpu_write_registers: return carry_out<WriteRegisters>(call);
    default: return refuse(IllegalOperation{});
    }
}

InvocationResult invoke_set_ept_root(Invocation const& call) { return carry_out<SetEptRoot>(call); }
InvocationResult invoke_set_shared_root(Invocation const& call) { return carry_out<SetSharedRoot>(call); }

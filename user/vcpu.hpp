// SPDX-License-Identifier: Apache-2.0
// Virtual CPUs: abi/vcpu.hpp, ABI 7.12. user::vm_enter (user/system_call.hpp) runs the one bound to
// the calling thread.
#pragma once

#include "abi/vcpu.hpp"
#include "user/io_port.hpp"
#include "user/tcb.hpp"

namespace user {

struct Vcpu {
    static constexpr auto type = abi::ObjectType::vcpu;
    CPtr cptr{};

    Result<> bind(Tcb thread) const {
        return perform(cptr, abi::Label::vcpu_set_tcb, {}, {thread.cptr});
    }
    // field: Intel's VMCS field number.
    Result<u64> read_vmcs(u64 field) const {
        return TRY(invoke(cptr, abi::Label::vcpu_read_vmcs, {field})).words[0];
    }
    // Returns the value stored: the processor's fixed bits are forced.
    Result<u64> write_vmcs(u64 field, u64 value) const {
        return TRY(invoke(cptr, abi::Label::vcpu_write_vmcs, {field, value})).words[0];
    }
    Result<> write_registers(abi::VcpuRegisters const& r) const {
        return perform(cptr, abi::Label::vcpu_write_registers,
                       {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8, r.r9, r.r10, r.r11,
                        r.r12, r.r13, r.r14, r.r15});
    }
    Result<u64> read_msr(u64 msr) const {
        return TRY(invoke(cptr, abi::Label::vcpu_read_msr, {msr})).words[0];
    }
    Result<u64> write_msr(u64 msr, u64 value) const {
        return TRY(invoke(cptr, abi::Label::vcpu_write_msr, {msr, value})).words[0];
    }
    // Lets the guest use the ports without an exit.
    Result<> enable_io_port(IoPort ports, u16 first, u16 last) const {
        return perform(cptr, abi::Label::vcpu_enable_io_port, {first, last}, {ports.cptr});
    }
    Result<> disable_io_port(u16 first, u16 last) const {
        return perform(cptr, abi::Label::vcpu_disable_io_port, {first, last});
    }
};

} // namespace user

// SPDX-License-Identifier: Apache-2.0
// The engine that uses the processor's guest mode and second-stage page tables, through kernel
// extension 1 (abi/vcpu.hpp). It speaks VMX on either vendor, as the kernel does.
#pragma once

#include "user/vcpu.hpp"
#include "vmm/engine/engine.hpp"
#include "x86/vmcs.hpp"

namespace vmm {

class NestedEngine final : public Engine {
public:
    // Binds the virtual CPU, the second-stage tables and the notification that ends a run to the
    // calling thread `tcb`.
    static user::Result<NestedEngine> make(user::Vcpu vcpu, user::NestedRoot root, user::Tcb tcb,
                                           user::Notification events);

    void start(LinuxEntry const& entry) override;
    Exit run() override;

    u64 rip() override { return rip_; }
    u64 rflags() override;
    void set_rflags(u64 value) override;
    x86::GeneralRegisters const& registers() override { return registers_; }
    void set_registers(x86::GeneralRegisters const& values) override;
    x86::Mode mode() override;
    u64 cr3() override { return cr3_; }
    void advance(u8 length) override { rip_ += length != 0 ? length : instruction_length_; }
    std::optional<u64> read_msr(u32 msr) override;
    [[nodiscard]] bool write_msr(u32 msr, u64 value) override;
    bool can_interrupt() override;
    void inject(u8 vector) override;
    void inject(Fault fault) override;
    void want_interrupt_window(bool wanted) override;
    std::string describe() override;

private:
    explicit NestedEngine(user::Vcpu vcpu) : vcpu_(vcpu) {}
    u64 read(vmx::Field field) const;
    bool write(vmx::Field field, u64 value);
    void write_segment(unsigned index, u16 selector, u32 access_rights);
    Exit decode(vmx::ExitReason reason, u64 qualification, u64 guest_physical) const;

    user::Vcpu vcpu_;
    u64 rip_{};
    u64 exit_rip_{};
    u64 controls_{};
    u64 event_{}; // entry interruption information: what the next entry delivers
    u64 instruction_length_{};
    u64 cr3_{};
    std::optional<u64> rflags_; // as far as the last exit told them
    std::optional<u64> interruptibility_;
    x86::GeneralRegisters registers_{};
    bool registers_changed_{};
};

} // namespace vmm

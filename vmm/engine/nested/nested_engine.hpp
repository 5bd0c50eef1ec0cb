// SPDX-License-Identifier: Apache-2.0
// The engine that uses the processor's guest mode and second-stage page tables: the guest's
// registers and page tables are its own.
#pragma once

#include "vmm/engine/hardware/hardware_engine.hpp"
#include "vmm/guest_tables.hpp"

namespace vmm {

class NestedEngine final : public HardwareEngine {
public:
    // Binds the virtual CPU, the second-stage tables and the notification that ends a run to the
    // calling thread `tcb`. memory: where the guest's page tables are.
    static user::Result<NestedEngine> make(user::Vcpu vcpu, user::NestedRoot root, user::Tcb tcb,
                                           user::Notification events, GuestMemory memory);

    void start(GuestEntry const& entry) override;
    Exit run() override { return decode(enter()); }

    x86::OrException<GuestPhys> translate(u64 linear, x86::Access access, bool supervisor) override;
    u64 control_register(unsigned number) override;
    x86::OrException<> set_control_register(unsigned number, u64 value) override;
    u64 efer() override { return read(vmx::Field::guest_efer); }
    void invalidate_page(u64) override {} // INVLPG does not exit

private:
    NestedEngine(user::Vcpu vcpu, GuestMemory memory) : HardwareEngine(vcpu), tables_(memory) {}
    x86::Paging paging();

    GuestTables tables_;
    u8 physical_bits_{guest_physical_bits(host_cpuid)};
};

} // namespace vmm

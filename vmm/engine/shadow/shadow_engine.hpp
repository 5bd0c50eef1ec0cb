// SPDX-License-Identifier: Apache-2.0
// The engine that uses the processor's guest mode without second-stage page tables: the processor
// walks shadow page tables (vmm/shadow), and the guest's CR0, CR3, CR4 and EFER are kept here. The
// processor's own always say: paging, write protection, PAE or four levels, no-execute.
#pragma once

#include <memory>

#include "vmm/engine/hardware/control_registers.hpp"
#include "vmm/engine/hardware/hardware_engine.hpp"
#include "vmm/engine/shadow/plain_instruction.hpp"
#include "vmm/shadow/kernel_backend.hpp"
#include "vmm/shadow/shadow.hpp"

namespace vmm {

class ShadowEngine final : public HardwareEngine {
public:
    // Binds the virtual CPU and the notification that ends a run to the calling thread `tcb`.
    // memory: where the guest's page tables are, the frames of the backend.
    static user::Result<std::unique_ptr<ShadowEngine>>
    make(user::Vcpu vcpu, user::Tcb tcb, user::Notification events, GuestMemory memory,
         std::unique_ptr<shadow::KernelBackend> backend, shadow::Policy policy);

    void start(GuestEntry const& entry) override;
    Exit run() override;

    x86::OrException<GuestPhys> translate(u64 linear, x86::Access access, bool supervisor) override;
    u64 control_register(unsigned number) override;
    x86::OrException<> set_control_register(unsigned number, u64 value) override;
    u64 efer() override { return registers_.paging().efer; }
    std::optional<u64> read_msr(u32 msr) override;
    [[nodiscard]] bool write_msr(u32 msr, u64 value) override;
    void invalidate_page(u64 linear) override;
    void written(GuestPhys at, u64 bytes) override { shadow_.written(at, bytes); }
    bool give_way() override;

private:
    ShadowEngine(user::Vcpu vcpu, user::Tcb tcb, GuestMemory memory,
                 std::unique_ptr<shadow::KernelBackend> backend, shadow::Policy policy);

    std::optional<Exit> handle(Stop const& stop);
    std::optional<Exit> page_fault(Stop const& stop);
    void guest_page_fault(x86::Exception const& fault);
    std::optional<Exit> privileged_instruction();
    std::optional<PlainInstruction> plain_instruction(u64 rip, bool is_64_bit);
    bool long_code();
    void use_registers();
    void use_roots();

    user::Tcb tcb_;
    GuestMemory memory_;
    GuestTables tables_;
    ControlRegisters registers_;
    std::unique_ptr<shadow::KernelBackend> backend_;
    shadow::Shadow shadow_;
    shadow::RootId bound_root_{shadow::none};
    u64 bound_split_{};
    std::optional<GuestPhys> watched_write_; // what the last exits::Emulate was about
    bool triple_fault_{};
};

} // namespace vmm

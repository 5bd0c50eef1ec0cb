// SPDX-License-Identifier: Apache-2.0
// What all engines share that use the processor's guest mode, through kernel extension 1
// (abi/vcpu.hpp): the guest's state is in a virtual CPU, an exit is a message. They speak VMX on
// either vendor, as the kernel does.
#pragma once

#include "user/vcpu.hpp"
#include "vmm/engine/engine.hpp"
#include "x86/vmcs.hpp"

namespace vmm {

class HardwareEngine : public Engine {
public:
    void start(GuestEntry const& entry) override;

    x86::CoreState core() override;
    void set_core(x86::CoreState const& core) override;
    x86::Segment segment(x86::SegmentName name) override;
    u32 code_rights() override;
    void set_segment(x86::SegmentName name, x86::Segment const& segment) override;
    x86::TableRegister gdtr() override;
    x86::TableRegister idtr() override;
    void set_gdtr(x86::TableRegister const& value) override;
    void set_idtr(x86::TableRegister const& value) override;
    unsigned cpl() override;
    u64 debug_register(unsigned number) override;
    x86::OrException<> set_debug_register(unsigned number, u64 value) override;
    std::optional<u64> read_msr(u32 msr) override;
    [[nodiscard]] bool write_msr(u32 msr, u64 value) override;
    void block_interrupts() override { interrupts_blocked_ = true; }

    void advance() override { rip_ += instruction_length_; }
    bool can_interrupt() override;
    void inject(u8 vector) override;
    void inject(x86::Exception const& exception) override;
    void want_interrupt_window(bool wanted) override;
    std::string describe() override;

protected:
    explicit HardwareEngine(user::Vcpu vcpu) : vcpu_(vcpu) {}

    // Lets the guest run until it stops for any reason. What it returns is either a notification,
    // or a stop whose reason the derived class decodes.
    struct Stop {
        bool notified;
        u64 word;   // of the notification
        u64 reason; // all ones: the entry failed
        u64 qualification;
        u64 guest_physical;
    };
    Stop enter();
    // The exits that mean the same in every engine.
    Exit decode(Stop const& stop) const;

    u64 read(vmx::Field field) const;
    bool write(vmx::Field field, u64 value);
    u64 rflags();
    // Whether RFLAGS.AC suspends SMAP now.
    bool user_pages_allowed();

    u64 controls_{}; // primary
    u64 event_{};    // entry interruption information: what the next entry delivers

private:
    user::Vcpu vcpu_;
    u64 rip_{};
    u64 exit_rip_{};
    u64 instruction_length_{};
    std::optional<u64> rflags_; // as far as the last exit told them
    std::optional<u64> rsp_;
    std::optional<u64> interruptibility_;
    x86::GeneralRegisters registers_{}; // all but rsp
    bool registers_changed_{};
    bool interrupts_blocked_{}; // for the next entry
};

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
// The guest's whole processor, for the emulator: registers and translation are the engine's;
// memory, devices, ports and the other MSRs are the machine's.
#pragma once

#include "vmm/engine/engine.hpp"
#include "vmm/host.hpp"
#include "vmm/pc/machine.hpp"

namespace vmm {

class GuestProcessor final : public x86::Processor {
public:
    // All three outlive it.
    GuestProcessor(Engine& engine, Machine& machine, Host& host)
        : engine_(engine), machine_(machine), host_(host) {}

    x86::OrException<GuestPhys> translate(u64 linear, x86::Access access,
                                          bool supervisor) override {
        return engine_.translate(linear, access, supervisor);
    }
    bool read(GuestPhys at, std::span<u8> to) override;
    bool write(GuestPhys at, std::span<u8 const> from) override;

    x86::CoreState core() override { return engine_.core(); }
    void set_core(x86::CoreState const& core) override { engine_.set_core(core); }
    x86::Segment segment(x86::SegmentName name) override { return engine_.segment(name); }
    u32 code_rights() override { return engine_.code_rights(); }
    void set_segment(x86::SegmentName name, x86::Segment const& segment) override {
        engine_.set_segment(name, segment);
    }
    x86::TableRegister gdtr() override { return engine_.gdtr(); }
    x86::TableRegister idtr() override { return engine_.idtr(); }
    void set_gdtr(x86::TableRegister const& value) override { engine_.set_gdtr(value); }
    void set_idtr(x86::TableRegister const& value) override { engine_.set_idtr(value); }
    unsigned cpl() override { return engine_.cpl(); }

    u64 control_register(unsigned number) override;
    x86::OrException<> set_control_register(unsigned number, u64 value) override;
    u64 debug_register(unsigned number) override { return engine_.debug_register(number); }
    x86::OrException<> set_debug_register(unsigned number, u64 value) override {
        return engine_.set_debug_register(number, value);
    }
    u64 efer() override { return engine_.efer(); }
    std::optional<u64> read_msr(u32 msr) override;
    [[nodiscard]] bool write_msr(u32 msr, u64 value) override;

    u32 read_port(u16 port, u8 size) override {
        return machine_.read_port(port, size, host_.now());
    }
    void write_port(u16 port, u8 size, u32 value) override {
        machine_.write_port(port, size, value, host_.now());
    }
    std::array<u32, 4> cpuid(u32 leaf, u32 subleaf) override;
    u64 time_stamp() override { return host_.now(); }
    void invalidate_page(u64 linear) override { engine_.invalidate_page(linear); }
    void block_interrupts() override { engine_.block_interrupts(); }

private:
    Engine& engine_;
    Machine& machine_;
    Host& host_;
};

} // namespace vmm

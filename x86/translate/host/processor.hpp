// SPDX-License-Identifier: Apache-2.0
// The guest's processor for the emulator: registers in the State that generated code uses, memory in this process. Guest-physical
// addresses are linear ones: there is no paging beside the rights of pages. No devices; ports read as all ones.
#pragma once

#include <array>

#include "x86/translate/host/memory.hpp"
#include "x86/translate/translator.hpp"

namespace x86::translate::hosted {

class HostProcessor : public Processor {
public:
    // Both outlive it. It starts as a program of Linux sees the processor: flat segments, cpl 3, 32 bits.
    HostProcessor(State& state, Memory& memory);

    // What generated code has to know of it.
    GuestMode guest_mode();
    void hide_fpu() { fpu_hidden_ = true; }
    // Or real mode: segments are then the caller's to set.
    void set_protected_mode(bool on);

    OrException<GuestPhys> translate(u64 linear, Access access, bool supervisor) override;
    bool read(GuestPhys at, std::span<u8> to) override;
    bool write(GuestPhys at, std::span<u8 const> from) override;

    CoreState core() override;
    void set_core(CoreState const& core) override;
    Segment segment(SegmentName name) override { return segments_[static_cast<std::size_t>(name)]; }
    void set_segment(SegmentName name, Segment const& segment) override;
    TableRegister gdtr() override { return gdt_; }
    TableRegister idtr() override { return idt_; }
    void set_gdtr(TableRegister const& value) override { gdt_ = value; }
    void set_idtr(TableRegister const& value) override { idt_ = value; }
    unsigned cpl() override;

    u64 control_register(unsigned number) override { return number < control_.size() ? control_[number] : 0; }
    OrException<> set_control_register(unsigned number, u64 value) override;
    u64 debug_register(unsigned number) override { return debug_[number % debug_.size()]; }
    OrException<> set_debug_register(unsigned number, u64 value) override;
    u64 efer() override { return 0; }
    std::optional<u64> read_msr(u32) override { return std::nullopt; }
    bool write_msr(u32, u64) override { return false; }
    u32 read_port(u16, u8) override { return ~u32{0}; }
    void write_port(u16, u8, u32) override {}
    // This machine's, up to SSE2; without FPU and vectors, which the emulator does not know, if they are hidden.
    std::array<u32, 4> cpuid(u32 leaf, u32 subleaf) override;
    u64 time_stamp() override;
    void invalidate_page(u64) override {}
    void block_interrupts() override {}

private:
    State& state_;
    Memory& memory_;
    std::array<Segment, 8> segments_{};
    TableRegister gdt_{}, idt_{};
    std::array<u64, 9> control_{};
    std::array<u64, 8> debug_{};
    bool fpu_hidden_{};
};

// The selectors that Linux gives programs of 32 bits on x86-64.
inline constexpr u16 linux_code_selector = 0x23, linux_data_selector = 0x2b;
Segment flat_code(u16 selector);
Segment flat_data(u16 selector);

} // namespace x86::translate::hosted

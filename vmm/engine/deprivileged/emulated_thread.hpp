// SPDX-License-Identifier: Apache-2.0
// For tests: the guest's thread carried out by the instruction emulator, as a processor would in
// user mode with the kernel's descriptor tables: on the mappings of a fake backend, with guest RAM
// and the copies behind it as one memory. In 64-bit mode as well, where generated code runs.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "vmm/engine/deprivileged/guest_thread.hpp"
#include "vmm/shadow/fake_backend.hpp"
#include "x86/emulate/processor.hpp"

namespace vmm {

class EmulatedThread final : public GuestThread, x86::Processor {
public:
    // memory: what the backend's pages are. split: first linear address of the shared root.
    EmulatedThread(shadow::FakeBackend const& backend, std::span<u8> memory, u64 split)
        : backend_(backend), memory_(memory), split_(split) {}

    // What there is from 512 GiB on in 64-bit mode.
    struct Area {
        u64 address;
        std::span<u8> bytes;
        bool write, execute;
    };
    void add_area(Area const& area) { areas_.push_back(area); }

    // How many instructions go by between two notifications.
    void notify_every(u64 instructions) { period_ = instructions; }
    static constexpr u64 ticks = 500; // of the clock for each instruction
    u64 clock() const { return clock_ * ticks; }

    ThreadStop resume(user::Registers32 const& registers, bool visible) override;
    ThreadStop resume_wide(user::Registers64 const& registers, bool visible) override;
    ThreadStop wait() override;
    user::Registers32 stop() override { return registers(); }
    u64 poll() override { return 0; }
    void use_root(shadow::RootId root) override { root_ = root; }
    void allow_fpu(bool allowed) override { fpu_ = allowed; }

private:
    static constexpr u16 wide_code = 0xfeb, code = 0xff3, data = 0xffb;
    static constexpr u64 first_area = u64{1} << 39;

    void skip();
    // SYSCALL.
    bool at_system_call();
    ThreadStop stop_for_system_call();
    ThreadStop wide_stop(x86::Exception const& event, u32 more);
    ThreadStop stop_for(x86::Exception const& event);

    void from_registers(user::Registers32 const& from);
    void from_registers64(user::Registers64 const& from);
    user::Registers64 registers64() const;
    user::Registers32 registers() const;

    x86::OrException<GuestPhys> translate(u64 linear, x86::Access access, bool supervisor) override;
    // Areas are physical where they are linear.
    Area const* area_of(u64 address) const;
    x86::OrException<GuestPhys> translate_area(u64 linear, x86::Access access) const;
    std::span<u8> bytes_at(GuestPhys at) const;
    bool read(GuestPhys at, std::span<u8> to) override;
    bool write(GuestPhys at, std::span<u8 const> from) override;
    x86::CoreState core() override { return core_; }
    void set_core(x86::CoreState const& core) override { core_ = core; }
    x86::Segment segment(x86::SegmentName name) override {
        return segments_[std::to_underlying(name)];
    }
    void set_segment(x86::SegmentName name, x86::Segment const& segment) override {
        segments_[std::to_underlying(name)] = segment;
    }
    // Whatever selector is loaded, and whatever INT is executed: it is outside of the tables.
    x86::TableRegister gdtr() override { return {}; }
    x86::TableRegister idtr() override { return {}; }
    void set_gdtr(x86::TableRegister const&) override {}
    void set_idtr(x86::TableRegister const&) override {}
    unsigned cpl() override { return 3; }
    u64 control_register(unsigned number) override {
        return number == 0 ? 0x80000031 : number == 4 ? 0x820 : 0;
    }
    x86::OrException<> set_control_register(unsigned, u64) override { return {}; }
    u64 debug_register(unsigned) override { return 0; }
    x86::OrException<> set_debug_register(unsigned, u64) override { return {}; }
    u64 efer() override { return wide_ ? 0x500 : 0; } // long mode
    std::optional<u64> read_msr(u32) override { return std::nullopt; }
    bool write_msr(u32, u64) override { return false; }
    u32 read_port(u16, u8) override { return 0; }
    void write_port(u16, u8, u32) override {}
    std::array<u32, 4> cpuid(u32, u32) override { return {~u32{0}, ~u32{0}, ~u32{0}, ~u32{0}}; }
    u64 time_stamp() override { return clock(); }
    void invalidate_page(u64) override {}
    void block_interrupts() override {}

    shadow::FakeBackend const& backend_;
    std::span<u8> memory_;
    u64 split_;
    u64 clock_{};
    u64 period_{1000};
    x86::CoreState core_;
    std::array<x86::Segment, 8> segments_{};
    shadow::RootId root_{shadow::none};
    bool visible_{}, fpu_{true}, wide_{};
    std::vector<Area> areas_;
};

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
// The virtual machine without its processor: devices behind ports, MSRs and memory addresses, and
// the interrupts they make.
//
//   COM1 ──pin 4──> I/O APIC ──> local APIC ──interrupt()──> the monitor injects
//                     timer ──────┘
#pragma once

#include <utility>

#include "vmm/pc/clock.hpp"
#include "vmm/pc/cpuid.hpp"
#include "vmm/pc/interval_timer.hpp"
#include "vmm/pc/io_apic.hpp"
#include "vmm/pc/local_apic.hpp"
#include "vmm/pc/uart.hpp"

namespace vmm {

class Machine {
public:
    enum class Power { on, off, reset };

    Machine(GuestMemory memory, ConsolePort& console, ClockBase const& clock, CpuidSource source)
        : memory_(memory), uart_(console), timer_(clock.tsc_khz), clock_(clock), cpuid_(source) {}

    // As after power-on. RAM is the caller's. x2apic: the local APIC is in x2APIC mode already, as
    // firmware for 64-bit systems leaves it.
    void reset(bool x2apic);
    Power power() const { return power_; }
    // The number last written to mark_port, once.
    std::optional<u32> take_mark() { return std::exchange(mark_, std::nullopt); }
    GuestMemory const& memory() const { return memory_; }
    Uart& uart() { return uart_; }

    CpuidResult cpuid(u32 leaf, u32 subleaf) const { return guest_cpuid(leaf, subleaf, cpuid_); }

    // size: 1, 2 or 4 bytes. Ports without a device read as all ones and ignore writes. now: the
    // guest's time-stamp counter.
    u32 read_port(u16 port, u8 size, u64 now);
    void write_port(u16 port, u8 size, u32 value, u64 now);

    // Empty or false: the guest gets #GP. now: the guest's time-stamp counter.
    std::optional<u64> read_msr(u32 msr, u64 now);
    [[nodiscard]] bool write_msr(u32 msr, u64 value, u64 now);

    // Memory-mapped devices. Outside of them: there is no device.
    bool has_device(GuestPhys address) const;
    // now: the guest's time-stamp counter.
    u64 read_device(GuestPhys address, u8 size, u64 now);
    void write_device(GuestPhys address, u8 size, u64 value, u64 now);

    // Call both around each run of the guest: they move lines to controllers, fire the timer, and
    // exchange the paravirtual end of interrupt with the guest.
    void after_run(u64 now);
    void before_run();
    // The vector that the processor should take now; taken() when it was injected.
    std::optional<u8> interrupt() const { return local_apic_.deliverable(); }
    void taken(u8 vector) { local_apic_.acknowledge(vector); }
    // When the timer fires next, as a value of the time-stamp counter.
    std::optional<u64> next_timer() const { return local_apic_.next_timer(); }

private:
    void update_lines();
    void end_of_interrupt();
    void pass_on_end_of_interrupt();
    u8 read_byte(u16 port, u64 now);
    void write_byte(u16 port, u8 value, u64 now);

    GuestMemory memory_;
    Uart uart_;
    IntervalTimer timer_;
    IoApic io_apic_;
    LocalApic local_apic_;
    ParavirtualClock clock_;
    CpuidSource cpuid_;
    u64 end_of_interrupt_flag_{}; // MSR_KVM_PV_EOI_EN
    bool x2apic_{};
    bool flag_set_{}; // the guest may end its interrupt by clearing the flag in its memory
    std::optional<u32> mark_;
    Power power_{Power::on};
};

} // namespace vmm

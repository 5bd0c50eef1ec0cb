// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/machine.hpp"

#include "vmm/pc/memory_map.hpp"

namespace vmm {
namespace {

// Intel SDM vol. 4; AMD PPR for family 17h; KVM's: Linux Documentation/virt/kvm/x86/msr.rst.
constexpr u32 msr_tsc = 0x10;
constexpr u32 msr_apic_base = 0x1b;
constexpr u32 msr_microcode = 0x8b;
constexpr u32 msr_misc_enable = 0x1a0;
constexpr u32 msr_tsc_deadline = 0x6e0;
constexpr u32 msr_kvm_wall_clock = 0x4b564d00;
constexpr u32 msr_kvm_system_time = 0x4b564d01;
constexpr u32 msr_kvm_end_of_interrupt = 0x4b564d04;
constexpr u32 msr_amd_hardware_configuration = 0xc0010015;
constexpr u32 msr_amd_northbridge_configuration = 0xc001001f;
constexpr u32 msr_amd_system_configuration = 0xc0010010;
constexpr u32 msr_amd_tseg_address = 0xc0010112;
constexpr u32 msr_amd_load_store_configuration = 0xc0011020;
constexpr u32 msr_amd_decode_configuration = 0xc0011029;

constexpr u64 apic_base_value = local_apic_at.value | 1 << 8 | 1 << 11; // boot processor, enabled
constexpr u64 apic_base_x2apic = 1 << 10;
constexpr u64 tsc_counts_at_base_frequency = 1 << 24; // of the hardware configuration
constexpr u64 lfence_serialises = 1 << 1;             // of the decode configuration
constexpr u64 fast_strings = 1;                       // of misc. enable
constexpr u64 enabled = 1;

using SleepType = Bits<4, 2>; // ACPI sleep control register
using SleepEnable = Bits<5>;

bool is_local_apic(u32 msr) { return msr >= LocalApic::first_msr && msr <= LocalApic::last_msr; }
bool is_io_apic(GuestPhys address) {
    return address >= io_apic_at && address < io_apic_at + IoApic::size;
}
bool is_local_apic_page(GuestPhys address) {
    return address >= local_apic_at && address < local_apic_at + 0x1000;
}
bool is_com1(u16 port) { return port >= com1_port && port < com1_port + 8; }

} // namespace

void Machine::reset(bool x2apic) {
    uart_.reset();
    timer_.reset();
    io_apic_.reset();
    local_apic_.reset();
    clock_.reset();
    end_of_interrupt_flag_ = 0;
    flag_set_ = false;
    x2apic_ = x2apic;
    mark_.reset();
    power_ = Power::on;
}

u8 Machine::read_byte(u16 port, u64 now) {
    if (is_com1(port)) return uart_.read(port - com1_port);
    if (port == timer_counter_port) return timer_.read_counter(now);
    if (port == timer_gate_port) return timer_.read_gate(now);
    if (port == sleep_control_port || port == sleep_status_port) return 0;
    return 0xff;
}

void Machine::write_byte(u16 port, u8 value, u64 now) {
    if (is_com1(port)) uart_.write(port - com1_port, value);
    if (port == timer_counter_port) timer_.write_counter(value, now);
    if (port == timer_control_port) timer_.write_control(value, now);
    if (port == timer_gate_port) timer_.write_gate(value, now);
    if (port == sleep_control_port && SleepEnable::get(value) &&
        SleepType::get(value) == sleep_type_off)
        power_ = Power::off;
    if (port == reset_port && value == reset_value) power_ = Power::reset;
}

u32 Machine::read_port(u16 port, u8 size, u64 now) {
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u32{read_byte(static_cast<u16>(port + i), now)} << 8 * i;
    return value;
}

void Machine::write_port(u16 port, u8 size, u32 value, u64 now) {
    if (port == mark_port && size == 4) mark_ = value;
    for (unsigned i = 0; i < size; ++i)
        write_byte(static_cast<u16>(port + i), static_cast<u8>(value >> 8 * i), now);
}

std::optional<u64> Machine::read_msr(u32 msr, u64 now) {
    if (is_local_apic(msr)) return x2apic_ ? local_apic_.read(msr, now) : std::nullopt;
    switch (msr) {
    case msr_tsc: return now;
    case msr_apic_base: return apic_base_value | (x2apic_ ? apic_base_x2apic : 0);
    case msr_tsc_deadline: return local_apic_.deadline_msr();
    case msr_kvm_system_time: return clock_.system_time();
    case msr_kvm_end_of_interrupt: return end_of_interrupt_flag_;
    case msr_misc_enable: return fast_strings;
    case msr_amd_hardware_configuration: return tsc_counts_at_base_frequency;
    case msr_amd_decode_configuration: return lfence_serialises;
    case msr_microcode:
    case msr_amd_system_configuration:
    case msr_amd_northbridge_configuration:
    case msr_amd_tseg_address:
    case msr_amd_load_store_configuration: return 0;
    default: return std::nullopt;
    }
}

bool Machine::write_msr(u32 msr, u64 value, u64 now) {
    if (is_local_apic(msr)) {
        bool const known = x2apic_ && local_apic_.write(msr, value, now);
        pass_on_end_of_interrupt();
        return known;
    }
    switch (msr) {
    case msr_apic_base: // the controller can't be moved, nor leave x2APIC mode
        if (value == (apic_base_value | apic_base_x2apic)) x2apic_ = true;
        return value == (apic_base_value | (x2apic_ ? apic_base_x2apic : 0));
    case msr_tsc_deadline: local_apic_.write_deadline_msr(value); return true;
    case msr_kvm_wall_clock: return clock_.write_wall_clock(value, memory_);
    case msr_kvm_system_time: return clock_.write_system_time(value, memory_);
    case msr_kvm_end_of_interrupt:
        if ((value & enabled) && memory_.bytes(GuestPhys{value & ~enabled}, 1).empty())
            return false;
        end_of_interrupt_flag_ = value;
        return true;
    case msr_tsc:
    case msr_microcode:
    case msr_misc_enable:
    case msr_amd_hardware_configuration:
    case msr_amd_northbridge_configuration:
    case msr_amd_decode_configuration:
    case msr_amd_load_store_configuration: return true; // kept as they are
    default: return false;
    }
}

bool Machine::has_device(GuestPhys address) const {
    return is_io_apic(address) || (!x2apic_ && is_local_apic_page(address));
}

u64 Machine::read_device(GuestPhys address, u8 size, u64 now) {
    u64 const value = is_io_apic(address)
                          ? io_apic_.read((address - io_apic_at) & ~u64{3})
                          : local_apic_.read_page((address - local_apic_at) & ~u64{3}, now);
    return size >= 4 ? value : (value >> 8 * (address.value & 3)) & ((u64{1} << 8 * size) - 1);
}

void Machine::write_device(GuestPhys address, u8 size, u64 value, u64 now) {
    if (is_local_apic_page(address)) {
        if (size >= 4)
            local_apic_.write_page(address - local_apic_at, static_cast<u32>(value), now);
        return pass_on_end_of_interrupt();
    }
    if (size >= 4)
        io_apic_.write(address - io_apic_at, static_cast<u32>(value));
    else if (address == io_apic_at)
        io_apic_.write(0, static_cast<u32>(value)); // the index may be written as a byte
}

void Machine::update_lines() {
    if (auto const vector = io_apic_.set_line(com1_interrupt, uart_.interrupt()))
        local_apic_.accept(*vector);
    while (auto const vector = io_apic_.pending()) local_apic_.accept(*vector);
}

void Machine::end_of_interrupt() {
    local_apic_.end_of_interrupt();
    pass_on_end_of_interrupt();
}

void Machine::pass_on_end_of_interrupt() {
    if (auto const ended = local_apic_.take_ended()) io_apic_.end_of_interrupt(*ended);
}

void Machine::after_run(u64 now) {
    if (flag_set_) {
        // Cleared: the guest has ended its interrupt. Still set: we clear it, and set it again
        // before the next run if it still may; so the guest never clears it while we believe that
        // it has not.
        GuestPhys const flag{end_of_interrupt_flag_ & ~enabled};
        u8 const value = memory_.read<u8>(flag).value_or(0);
        if ((value & 1) == 0)
            end_of_interrupt();
        else [[maybe_unused]]
            bool const written = memory_.write(flag, static_cast<u8>(value & ~1));
        flag_set_ = false;
    }
    local_apic_.advance(now);
    update_lines();
}

void Machine::before_run() {
    update_lines();
    if ((end_of_interrupt_flag_ & enabled) == 0 || local_apic_.requests())
        return; // the next one needs a real end
    auto const serving = local_apic_.in_service();
    if (!serving || io_apic_.is_level_triggered(*serving)) return;
    GuestPhys const flag{end_of_interrupt_flag_ & ~enabled};
    auto const value = memory_.read<u8>(flag);
    flag_set_ = value && memory_.write(flag, static_cast<u8>(*value | 1));
}

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/hardware/hardware_engine.hpp"

#include <bit>
#include <cstdio>

namespace vmm {
namespace {

using vmx::ExitReason;
using vmx::Field;
namespace at = abi::vm_message;

// Place of register i (rax rcx rdx rbx rsp rbp rsi rdi r8..) among the message's; rsp is not one of
// them.
constexpr unsigned place_in_message[16] = {0, 2, 3, 1, ~0u, 6, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14};
constexpr unsigned rsp = 4;

constexpr u64 interrupt_flag = 1 << 9, alignment_check = 1 << 18;

constexpr u32 msr_pat = 0x277;
constexpr u32 msr_efer = 0xc0000080;
constexpr u32 msr_sysenter_cs = 0x174, msr_sysenter_esp = 0x175, msr_sysenter_eip = 0x176;
constexpr u32 msr_fs_base = 0xc0000100, msr_gs_base = 0xc0000101;
constexpr u64 efer_known = 0xd01; // SCE, LME, LMA, NXE

std::optional<Field> field_of(u32 msr) {
    switch (msr) {
    case msr_pat: return Field::guest_pat;
    case msr_efer: return Field::guest_efer;
    case msr_sysenter_cs: return Field::guest_sysenter_cs;
    case msr_sysenter_esp: return Field::guest_sysenter_esp;
    case msr_sysenter_eip: return Field::guest_sysenter_eip;
    case msr_fs_base: return Field::guest_fs_base;
    case msr_gs_base: return Field::guest_gs_base;
    default: return std::nullopt;
    }
}

using x86::SegmentName;
constexpr SegmentName data_segments[] = {SegmentName::es, SegmentName::ss, SegmentName::ds,
                                         SegmentName::fs, SegmentName::gs};
constexpr u32 busy_tss = 0x8b;

// A field of the row that begins with ES's; the rows are in the order of SegmentName.
Field of_segment(Field first, SegmentName name) {
    return static_cast<Field>(static_cast<u32>(first) + 2 * static_cast<u32>(name));
}

} // namespace

u64 HardwareEngine::read(Field field) const {
    return vcpu_.read_vmcs(static_cast<u64>(field)).value_or(0);
}

bool HardwareEngine::write(Field field, u64 value) {
    auto const stored = vcpu_.write_vmcs(static_cast<u64>(field), value);
    return stored && *stored == value;
}

x86::Segment HardwareEngine::segment(SegmentName name) {
    auto const get = [&](Field first) { return read(of_segment(first, name)); };
    return {.selector = static_cast<u16>(get(Field::guest_es_selector)),
            .access_rights = static_cast<u32>(get(Field::guest_es_access_rights)),
            .limit = static_cast<u32>(get(Field::guest_es_limit)),
            .base = get(Field::guest_es_base)};
}

u32 HardwareEngine::code_rights() { return static_cast<u32>(read(Field::guest_cs_access_rights)); }

void HardwareEngine::set_segment(SegmentName name, x86::Segment const& segment) {
    write(of_segment(Field::guest_es_selector, name), segment.selector);
    write(of_segment(Field::guest_es_base, name), segment.base);
    write(of_segment(Field::guest_es_limit, name), segment.limit);
    write(of_segment(Field::guest_es_access_rights, name), segment.access_rights);
}

x86::TableRegister HardwareEngine::gdtr() {
    return {read(Field::guest_gdtr_base), static_cast<u16>(read(Field::guest_gdtr_limit))};
}

x86::TableRegister HardwareEngine::idtr() {
    return {read(Field::guest_idtr_base), static_cast<u16>(read(Field::guest_idtr_limit))};
}

void HardwareEngine::set_gdtr(x86::TableRegister const& value) {
    write(Field::guest_gdtr_base, value.base);
    write(Field::guest_gdtr_limit, value.limit);
}

void HardwareEngine::set_idtr(x86::TableRegister const& value) {
    write(Field::guest_idtr_base, value.base);
    write(Field::guest_idtr_limit, value.limit);
}

unsigned HardwareEngine::cpl() {
    return static_cast<unsigned>(x86::access_rights::Dpl::get(read(Field::guest_ss_access_rights)));
}

// DR0 to DR3 and DR6 of the guest are switched by the kernel, and MOV DR does not exit: nobody asks
// for them here.
u64 HardwareEngine::debug_register(unsigned number) {
    return number == 7 ? read(Field::guest_dr7) : 0;
}

x86::OrException<> HardwareEngine::set_debug_register(unsigned number, u64 value) {
    if (number != 7) return fail(x86::Exception{.vector = x86::vector::invalid_opcode});
    write(Field::guest_dr7, value);
    return {};
}

void HardwareEngine::start(GuestEntry const& entry) {
    set_segment(SegmentName::cs, entry.code);
    for (SegmentName name : data_segments) set_segment(name, entry.data);
    set_segment(SegmentName::ldtr, {0, x86::access_rights::Unusable::mask, ~u32{0}, 0});
    set_segment(SegmentName::tr, {0, busy_tss, 0xffff, 0});
    set_gdtr(entry.gdtr);
    set_idtr(entry.idtr);
    constexpr u64 default_pat = 0x0007040600070406;
    write(Field::guest_pat, default_pat);
    write(Field::guest_dr7, 0x400);
    write(Field::guest_interruptibility, 0);
    controls_ = vmx::primary::Hlt::mask | vmx::primary::Secondary::mask;
    event_ = 0;
    interruptibility_ = 0;
    interrupts_blocked_ = false;
    counters_ = {};
    set_core(entry.core);
}

HardwareEngine::Stop HardwareEngine::enter() {
    if (registers_changed_) {
        u64 words[15];
        for (unsigned i = 0; i < 16; ++i)
            if (i != rsp) words[place_in_message[i]] = registers_.value[i];
        [[maybe_unused]] auto const written =
            vcpu_.write_registers(std::bit_cast<abi::VcpuRegisters>(words));
        registers_changed_ = false;
    }
    interrupts_blocked_ = false;
    user::Message const message = user::vm_enter(rip_, controls_, event_);
    exit_rip_ = rip_ = message.words[at::rip];
    controls_ = message.words[at::primary_controls];
    event_ = message.words[at::entry_interruption];
    rsp_.reset();
    if (message.info.word == abi::vm_entry_notification) {
        rflags_.reset();
        interruptibility_.reset();
        return {.notified = true,
                .word = message.badge,
                .reason = 0,
                .qualification = 0,
                .guest_physical = 0};
    }
    abi::IpcBuffer const& buffer = user::ipc_buffer();
    instruction_length_ = buffer.message[at::instruction_length];
    rflags_ = buffer.message[at::rflags];
    interruptibility_ = buffer.message[at::interruptibility];
    for (unsigned i = 0; i < 16; ++i)
        if (i != rsp) registers_.value[i] = buffer.message[at::registers + place_in_message[i]];
    return {.notified = false,
            .word = 0,
            .reason = message.words[at::exit_reason],
            .qualification = buffer.message[at::qualification],
            .guest_physical = buffer.message[at::guest_physical]};
}

Exit HardwareEngine::decode(Stop const& stop) const {
    if (stop.notified) return exits::Notified{stop.word};
    if (stop.reason == ~u64{0}) return exits::EntryFailed{};
    u64 const qualification = stop.qualification;
    switch (static_cast<ExitReason>(stop.reason)) {
    case ExitReason::interrupt_window: return exits::InterruptWindow{};
    case ExitReason::cpuid: return exits::Cpuid{};
    case ExitReason::hlt: return exits::Halt{};
    case ExitReason::rdmsr: return exits::ReadMsr{};
    case ExitReason::wrmsr: return exits::WriteMsr{};
    case ExitReason::io: {
        using namespace vmx::io_qualification;
        return exits::Port{.port =
                               static_cast<u16>(vmx::io_qualification::Port::get(qualification)),
                           .size = static_cast<u8>(SizeMinusOne::get(qualification) + 1),
                           .in = In::get(qualification) != 0,
                           .string = String::get(qualification) != 0};
    }
    case ExitReason::ept_violation: {
        using namespace vmx::ept_qualification;
        return exits::Memory{.address = {stop.guest_physical},
                             .write = Write::get(qualification) != 0,
                             .fetch = Fetch::get(qualification) != 0};
    }
    case ExitReason::exception: {
        u64 const info = read(Field::exit_interruption_info);
        if (vmx::interruption::Vector::get(info) == x86::vector::invalid_opcode)
            return exits::InvalidOpcode{};
        return exits::Unexpected{stop.reason, info};
    }
    case ExitReason::vmcall: return exits::Hypercall{};
    case ExitReason::invd:
    case ExitReason::wbinvd:
    case ExitReason::pause: return exits::Ignored{};
    case ExitReason::triple_fault: return exits::TripleFault{};
    case ExitReason::rdpmc:
    case ExitReason::rsm:
    case ExitReason::mwait:
    case ExitReason::monitor:
    case ExitReason::rdtscp:
    case ExitReason::xsetbv: return exits::Refused{stop.reason};
    case ExitReason::external_interrupt:
    case ExitReason::invlpg:
    case ExitReason::rdtsc:
    case ExitReason::control_register:
    case ExitReason::debug_register:
    case ExitReason::gdtr_idtr:
    case ExitReason::ldtr_tr:
    case ExitReason::task_switch: break; // not asked for
    }
    return exits::Unexpected{stop.reason, qualification};
}

u64 HardwareEngine::rflags() {
    if (!rflags_) rflags_ = read(Field::guest_rflags);
    return *rflags_;
}

bool HardwareEngine::user_pages_allowed() { return (rflags() & alignment_check) && cpl() != 3; }

x86::CoreState HardwareEngine::core() {
    if (!rsp_) rsp_ = read(Field::guest_rsp);
    x86::CoreState core{.registers = registers_, .rip = rip_, .rflags = rflags()};
    core.registers.value[rsp] = *rsp_;
    return core;
}

void HardwareEngine::set_core(x86::CoreState const& core) {
    if (rflags_ != core.rflags) write(Field::guest_rflags, core.rflags);
    if (rsp_ != core.registers.value[rsp]) write(Field::guest_rsp, core.registers.value[rsp]);
    rflags_ = core.rflags;
    rsp_ = core.registers.value[rsp];
    rip_ = core.rip;
    registers_ = core.registers;
    registers_changed_ = true;
}

std::optional<u64> HardwareEngine::read_msr(u32 msr) {
    auto const field = field_of(msr);
    return field ? std::optional(read(*field)) : std::nullopt;
}

bool HardwareEngine::write_msr(u32 msr, u64 value) {
    auto const field = field_of(msr);
    if (!field) return false;
    if (msr != msr_efer) return write(*field, value);
    constexpr u64 long_mode_enable = 0x100, long_mode_active = 0x400, paging = u64{1} << 31;
    u64 const old = read(Field::guest_efer);
    if (value & ~efer_known) return false;
    if (((value ^ old) & long_mode_enable) && (read(Field::guest_cr0) & paging)) return false;
    return write(Field::guest_efer, (value & ~long_mode_active) |
                                        (old & long_mode_active)); // LMA is the processor's own
}

bool HardwareEngine::can_interrupt() {
    if (interrupts_blocked_ || vmx::interruption::Valid::get(event_) ||
        (rflags() & interrupt_flag) == 0)
        return false;
    if (rip_ != exit_rip_) return true; // the shadow of STI and MOV SS covers one instruction
    if (!interruptibility_) interruptibility_ = read(Field::guest_interruptibility);
    return *interruptibility_ == 0;
}

void HardwareEngine::inject(u8 vector) {
    using namespace vmx::interruption;
    event_ = Valid::mask | Type::make(type_external) | Vector::make(vector);
    ++counters_.injected_interrupts;
}

void HardwareEngine::inject(x86::Exception const& exception) {
    using namespace vmx::interruption;
    event_ = Valid::mask | Type::make(type_exception) | Vector::make(exception.vector);
    if (exception.error_code) {
        event_ |= HasErrorCode::mask;
        write(Field::entry_exception_error_code, *exception.error_code);
    }
    if (exception.vector == x86::vector::page_fault) write(Field::guest_cr2, exception.address);
    ++counters_.injected_exceptions;
}

void HardwareEngine::want_interrupt_window(bool wanted) {
    controls_ = vmx::primary::InterruptWindow::set(controls_, wanted);
}

std::string HardwareEngine::describe() {
    char text[200];
    std::snprintf(text, sizeof text,
                  "rip %#llx rsp %#llx rflags %#llx cr0 %#llx cr3 %#llx cr4 %#llx efer %#llx",
                  static_cast<unsigned long long>(rip_),
                  static_cast<unsigned long long>(read(Field::guest_rsp)),
                  static_cast<unsigned long long>(rflags()),
                  static_cast<unsigned long long>(control_register(0)),
                  static_cast<unsigned long long>(control_register(3)),
                  static_cast<unsigned long long>(control_register(4)),
                  static_cast<unsigned long long>(efer()));
    return text;
}

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/nested/nested_engine.hpp"

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

constexpr u64 interrupt_flag = 1 << 9;
constexpr u64 invalid_opcode_vector = 6;

constexpr u32 msr_pat = 0x277;
constexpr u32 msr_efer = 0xc0000080;
constexpr u32 msr_sysenter_cs = 0x174, msr_sysenter_esp = 0x175, msr_sysenter_eip = 0x176;
constexpr u32 msr_fs_base = 0xc0000100, msr_gs_base = 0xc0000101;
constexpr u64 efer_known = 0xd01; // SCE, LME, LMA, NXE
constexpr u64 efer_long_mode = 0x500;

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

// Segments in the order of the VMCS's rows.
enum Segment : unsigned { es, cs, ss, ds, fs, gs, ldtr, tr };
constexpr u32 code64 = 0xa09b, flat_data = 0xc093, unusable = 0x10000, busy_tss = 0x8b;
constexpr u64 long_code = 1 << 13; // of CS' access rights

} // namespace

user::Result<NestedEngine> NestedEngine::make(user::Vcpu vcpu, user::NestedRoot root, user::Tcb tcb,
                                              user::Notification events) {
    TRY(vcpu.bind(tcb));
    TRY(tcb.set_nested_root(root));
    TRY(tcb.bind(events));
    return NestedEngine(vcpu);
}

u64 NestedEngine::read(Field field) const {
    return vcpu_.read_vmcs(static_cast<u64>(field)).value_or(0);
}

bool NestedEngine::write(Field field, u64 value) {
    auto const stored = vcpu_.write_vmcs(static_cast<u64>(field), value);
    return stored && *stored == value;
}

void NestedEngine::write_segment(unsigned index, u16 selector, u32 access_rights) {
    auto const field = [&](Field first) {
        return static_cast<Field>(static_cast<u32>(first) + 2 * index);
    };
    write(field(Field::guest_es_selector), selector);
    write(field(Field::guest_es_base), 0);
    write(field(Field::guest_es_limit), index == tr ? 0xffff : 0xffffffff);
    write(field(Field::guest_es_access_rights), access_rights);
}

void NestedEngine::start(LinuxEntry const& entry) {
    write_segment(cs, entry.code_selector, code64);
    for (unsigned segment : {es, ss, ds, fs, gs})
        write_segment(segment, entry.data_selector, flat_data);
    write_segment(ldtr, 0, unusable);
    write_segment(tr, 0, busy_tss);
    write(Field::guest_gdtr_base, entry.gdt_base);
    write(Field::guest_gdtr_limit, entry.gdt_limit);
    write(Field::guest_idtr_base, 0);
    write(Field::guest_idtr_limit, 0);
    constexpr u64 paging_protected = 0x80000031, physical_extensions = 0x20,
                  default_pat = 0x0007040600070406;
    write(Field::guest_cr0, paging_protected);
    write(Field::guest_cr3, entry.cr3);
    write(Field::guest_cr4, physical_extensions);
    write(Field::guest_efer, efer_long_mode);
    write(Field::guest_pat, default_pat);
    write(Field::guest_rsp, 0);
    write(Field::guest_dr7, 0x400);
    write(Field::guest_interruptibility, 0);
    // An opcode that the processor does not know comes to the monitor first, which sees a guest
    // that does nothing else.
    write(Field::exception_bitmap, u64{1} << invalid_opcode_vector);
    set_rflags(2);
    rip_ = entry.rip;
    controls_ = vmx::primary::Hlt::mask | vmx::primary::Secondary::mask;
    event_ = 0;
    interruptibility_ = 0;
    x86::GeneralRegisters values{};
    values.value[6] = entry.rsi;
    set_registers(values);
}

Exit NestedEngine::run() {
    if (registers_changed_) {
        u64 words[15];
        for (unsigned i = 0; i < 16; ++i)
            if (i != rsp) words[place_in_message[i]] = registers_.value[i];
        [[maybe_unused]] auto const written =
            vcpu_.write_registers(std::bit_cast<abi::VcpuRegisters>(words));
        registers_changed_ = false;
    }
    user::Message const message = user::vm_enter(rip_, controls_, event_);
    exit_rip_ = rip_ = message.words[at::rip];
    controls_ = message.words[at::primary_controls];
    event_ = message.words[at::entry_interruption];
    if (message.info.word == abi::vm_entry_notification) {
        rflags_.reset();
        interruptibility_.reset();
        return exits::Notified{message.badge};
    }
    abi::IpcBuffer const& buffer = user::ipc_buffer();
    instruction_length_ = buffer.message[at::instruction_length];
    rflags_ = buffer.message[at::rflags];
    interruptibility_ = buffer.message[at::interruptibility];
    cr3_ = buffer.message[at::cr3];
    for (unsigned i = 0; i < 16; ++i)
        if (i != rsp) registers_.value[i] = buffer.message[at::registers + place_in_message[i]];
    u64 const reason = message.words[at::exit_reason];
    u64 const qualification = buffer.message[at::qualification];
    if (reason == ~u64{0}) return exits::EntryFailed{};
    return decode(static_cast<ExitReason>(reason), qualification,
                  buffer.message[at::guest_physical]);
}

Exit NestedEngine::decode(ExitReason reason, u64 qualification, u64 guest_physical) const {
    switch (reason) {
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
        return exits::Memory{.address = {guest_physical},
                             .write = Write::get(qualification) != 0,
                             .fetch = Fetch::get(qualification) != 0};
    }
    case ExitReason::exception: {
        u64 const info = read(Field::exit_interruption_info);
        if (vmx::interruption::Vector::get(info) == invalid_opcode_vector)
            return exits::InvalidOpcode{};
        return exits::Unexpected{static_cast<u64>(reason), info};
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
    case ExitReason::xsetbv: return exits::Refused{static_cast<u64>(reason)};
    case ExitReason::external_interrupt:
    case ExitReason::invlpg:
    case ExitReason::rdtsc:
    case ExitReason::control_register:
    case ExitReason::debug_register:
    case ExitReason::gdtr_idtr:
    case ExitReason::ldtr_tr: break; // not asked for
    }
    return exits::Unexpected{static_cast<u64>(reason), qualification};
}

u64 NestedEngine::rflags() {
    if (!rflags_) rflags_ = read(Field::guest_rflags);
    return *rflags_;
}

void NestedEngine::set_rflags(u64 value) {
    write(Field::guest_rflags, value);
    rflags_ = value;
}

void NestedEngine::set_registers(x86::GeneralRegisters const& values) {
    registers_ = values;
    registers_changed_ = true;
}

x86::Mode NestedEngine::mode() {
    return read(Field::guest_cs_access_rights) & long_code ? x86::Mode::long64
                                                           : x86::Mode::protected32;
}

std::optional<u64> NestedEngine::read_msr(u32 msr) {
    auto const field = field_of(msr);
    return field ? std::optional(read(*field)) : std::nullopt;
}

bool NestedEngine::write_msr(u32 msr, u64 value) {
    auto const field = field_of(msr);
    if (!field) return false;
    if (msr != msr_efer) return write(*field, value);
    constexpr u64 long_mode_enable = 0x100, long_mode_active = 0x400, paging = u64{1} << 31;
    u64 const old = read(Field::guest_efer);
    if (value & ~efer_known) return false;
    if (((value ^ old) & long_mode_enable) && (read(Field::guest_cr0) & paging)) return false;
    return write(Field::guest_efer, (value & ~long_mode_active) | (old & long_mode_active)); // LMA is the processor's own
}

bool NestedEngine::can_interrupt() {
    if (vmx::interruption::Valid::get(event_) || (rflags() & interrupt_flag) == 0) return false;
    if (rip_ != exit_rip_) return true; // the shadow of STI and MOV SS covers one instruction
    if (!interruptibility_) interruptibility_ = read(Field::guest_interruptibility);
    return *interruptibility_ == 0;
}

void NestedEngine::inject(u8 vector) {
    using namespace vmx::interruption;
    event_ = Valid::mask | Type::make(type_external) | Vector::make(vector);
}

void NestedEngine::inject(Fault fault) {
    using namespace vmx::interruption;
    event_ = Valid::mask | Type::make(type_exception) | Vector::make(static_cast<u64>(fault));
    if (fault == Fault::general_protection) {
        event_ |= HasErrorCode::mask;
        write(Field::entry_exception_error_code, 0);
    }
}

void NestedEngine::want_interrupt_window(bool wanted) {
    controls_ = vmx::primary::InterruptWindow::set(controls_, wanted);
}

std::string NestedEngine::describe() {
    char text[200];
    std::snprintf(text, sizeof text,
                  "rip %#llx rsp %#llx rflags %#llx cr0 %#llx cr3 %#llx cr4 %#llx efer %#llx",
                  static_cast<unsigned long long>(rip_),
                  static_cast<unsigned long long>(read(Field::guest_rsp)),
                  static_cast<unsigned long long>(rflags()),
                  static_cast<unsigned long long>(read(Field::guest_cr0)),
                  static_cast<unsigned long long>(read(Field::guest_cr3)),
                  static_cast<unsigned long long>(read(Field::guest_cr4)),
                  static_cast<unsigned long long>(read(Field::guest_efer)));
    return text;
}

} // namespace vmm

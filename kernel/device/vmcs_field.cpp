// SPDX-License-Identifier: Apache-2.0
#include "kernel/device/vmcs_field.hpp"

using vmx::Field;

namespace {

using namespace vmcs_field;

constexpr svm::Segment svm::Vmcb::* segments[] = {
    &svm::Vmcb::es, &svm::Vmcb::cs,   &svm::Vmcb::ss, &svm::Vmcb::ds,   &svm::Vmcb::fs,
    &svm::Vmcb::gs, &svm::Vmcb::ldtr, &svm::Vmcb::tr, &svm::Vmcb::gdtr, &svm::Vmcb::idtr,
};
constexpr u64 selectors = 8; // GDTR and IDTR have neither selector nor access rights

// Fields come in rows: one for each segment, 2 apart. The row's index of a field, or empty.
std::optional<u64> index_in_row(u64 field, Field first, u64 count) {
    u64 const offset = field - static_cast<u64>(first);
    if (offset >= 2 * count || offset % 2 != 0) return {};
    return offset / 2;
}

struct StateField {
    Field field;
    u64 svm::Vmcb::* member;
    u64 changeable, forced;
};
constexpr StateField state_fields[] = {
    {Field::guest_pat, &svm::Vmcb::pat, ~u64{0}, 0},
    {Field::guest_sysenter_cs, &svm::Vmcb::sysenter_cs, 0xffffffff, 0},
    {Field::guest_sysenter_esp, &svm::Vmcb::sysenter_esp, ~u64{0}, 0},
    {Field::guest_sysenter_eip, &svm::Vmcb::sysenter_eip, ~u64{0}, 0},
    {Field::guest_cr0, &svm::Vmcb::cr0, cr0_changeable, cr0::ExtensionType::mask},
    {Field::guest_cr2, &svm::Vmcb::cr2, ~u64{0}, 0},
    {Field::guest_dr7, &svm::Vmcb::dr7, dr7_changeable, dr7_forced},
    {Field::guest_rsp, &svm::Vmcb::rsp, ~u64{0}, 0},
    {Field::guest_rip, &svm::Vmcb::rip, ~u64{0}, 0},
    {Field::guest_rflags, &svm::Vmcb::rflags, rflags_changeable, 2},
};

struct ControlField {
    Field field;
    u64 VmControls::* member;
    u64 changeable, forced;
};
constexpr ControlField control_fields[] = {
    {Field::tsc_offset, &VmControls::tsc_offset, ~u64{0}, 0},
    {Field::primary_controls, &VmControls::primary, primary_changeable, primary_forced},
    {Field::secondary_controls, &VmControls::secondary, secondary_changeable, secondary_forced},
    {Field::exception_bitmap, &VmControls::exception_bitmap, 0xffffffff, 0},
    {Field::entry_interruption_info, &VmControls::entry_interruption, 0xffffffff, 0},
    {Field::entry_exception_error_code, &VmControls::entry_error_code, 0xffffffff, 0},
    {Field::cr0_mask, &VmControls::cr0_mask, ~u64{0}, 0},
    {Field::cr4_mask, &VmControls::cr4_mask, ~u64{0}, 0},
    {Field::cr0_read_shadow, &VmControls::cr0_read_shadow, ~u64{0}, 0},
    {Field::cr4_read_shadow, &VmControls::cr4_read_shadow, ~u64{0}, 0},
};

struct ConstantField {
    Field field;
    u64 value;
};
constexpr ConstantField constant_fields[] = {
    {Field::pin_controls, vmcs_field::pin_controls},
    {Field::exit_controls, vmcs_field::exit_controls},
    {Field::guest_debug_control, 0},
    {Field::guest_perf_global_control, 0},
    {Field::guest_pdpte0, 0},
    {Field::guest_pdpte1, 0},
    {Field::guest_pdpte2, 0},
    {Field::guest_pdpte3, 0},
    {Field::guest_activity, 0},
    {Field::guest_smbase, 0},
    {Field::preemption_timer_value, 0},
    {Field::guest_pending_debug_exceptions, 0},
};

struct ExitField { // read only
    Field field;
    u64 VmExit::* member;
};
constexpr ExitField exit_fields[] = {
    {Field::exit_reason, &VmExit::reason},
    {Field::exit_qualification, &VmExit::qualification},
    {Field::exit_instruction_length, &VmExit::instruction_length},
    {Field::exit_instruction_info, &VmExit::instruction_info},
    {Field::exit_interruption_info, &VmExit::interruption_info},
    {Field::exit_interruption_error_code, &VmExit::interruption_error_code},
    {Field::idt_vectoring_info, &VmExit::vectoring_info},
    {Field::idt_vectoring_error_code, &VmExit::vectoring_error_code},
    {Field::guest_physical_address, &VmExit::guest_physical},
    {Field::guest_linear_address, &VmExit::guest_linear},
};

template <class Row, std::size_t size> Row const* find(Row const (&table)[size], u64 field) {
    for (Row const& row : table)
        if (static_cast<u64>(row.field) == field) return &row;
    return nullptr;
}

constexpr bool is(u64 field, Field name) { return field == static_cast<u64>(name); }

std::optional<u64> read_segment(svm::Vmcb const& vmcb, u64 field) {
    if (auto const i = index_in_row(field, Field::guest_es_selector, selectors))
        return (vmcb.*segments[*i]).selector;
    if (auto const i = index_in_row(field, Field::guest_es_limit, std::size(segments)))
        return (vmcb.*segments[*i]).limit;
    if (auto const i = index_in_row(field, Field::guest_es_access_rights, selectors))
        return to_access_rights((vmcb.*segments[*i]).attributes);
    if (auto const i = index_in_row(field, Field::guest_es_base, std::size(segments)))
        return (vmcb.*segments[*i]).base;
    return {};
}

void write_segment(svm::Vmcb& vmcb, u64 field, u64 value) {
    if (auto const i = index_in_row(field, Field::guest_es_selector, selectors))
        (vmcb.*segments[*i]).selector = static_cast<u16>(value);
    if (auto const i = index_in_row(field, Field::guest_es_limit, std::size(segments)))
        (vmcb.*segments[*i]).limit = static_cast<u32>(value);
    if (auto const i = index_in_row(field, Field::guest_es_access_rights, selectors))
        (vmcb.*segments[*i]).attributes = to_attributes(value);
    if (auto const i = index_in_row(field, Field::guest_es_base, std::size(segments)))
        (vmcb.*segments[*i]).base = value;
}

} // namespace

std::optional<u64> Vcpu::read(u64 field) const {
    if (auto const* row = find(state_fields, field)) return vmcb_.*row->member;
    if (auto const* row = find(control_fields, field)) return controls_.*row->member;
    if (auto const* row = find(constant_fields, field)) return row->value;
    if (auto const* row = find(exit_fields, field)) return exit_.*row->member;
    if (is(field, Field::instruction_error)) return 0;
    if (is(field, Field::guest_cr3)) return cr3_;
    if (is(field, Field::guest_cr4)) return vmcb_.cr4;
    if (is(field, Field::guest_efer)) return vmcb_.efer & ~svm::EferSvme::mask;
    if (is(field, Field::entry_controls))
        return vmcs_field::entry_controls |
               vmx::EntryLongMode::make(efer::LongModeActive::get(vmcb_.efer));
    if (is(field, Field::guest_interruptibility))
        return vmx::interruptibility::Sti::make(svm::InterruptShadow::get(vmcb_.interrupt_shadow));
    return read_segment(vmcb_, field);
}

std::optional<u64> Vcpu::write(u64 field, u64 value) {
    if (!may_write(field)) return {};
    if (auto const* row = find(state_fields, field))
        vmcb_.*row->member = (value & row->changeable) | row->forced;
    else if (auto const* control = find(control_fields, field))
        controls_.*control->member = (value & control->changeable) | control->forced;
    else if (find(constant_fields, field)) {
        // Accepted, and without effect: every bit is fixed.
    } else if (is(field, Field::guest_cr3))
        cr3_ = value & support_->physical_mask;
    else if (is(field, Field::guest_cr4))
        vmcb_.cr4 = value & support_->cr4_bits;
    else if (is(field, Field::guest_efer))
        vmcb_.efer = (value & support_->efer_bits) | svm::EferSvme::mask;
    else if (is(field, Field::entry_controls))
        vmcb_.efer = efer::LongModeActive::set(vmcb_.efer, vmx::EntryLongMode::get(value));
    else if (is(field, Field::guest_interruptibility))
        vmcb_.interrupt_shadow =
            (value & (vmx::interruptibility::Sti::mask | vmx::interruptibility::MovSs::mask))
                ? svm::InterruptShadow::mask
                : 0;
    else
        write_segment(vmcb_, field, value);
    return read(field);
}

bool Vcpu::may_write(u64 field) const {
    return read(field) && !find(exit_fields, field) && !is(field, Field::instruction_error);
}

bool Vcpu::may_write_msr(u64 msr) { return msr >= vmx::msr_star && msr <= vmx::msr_fmask; }

std::optional<u64> Vcpu::read_msr(u64 msr) const {
    switch (msr) {
    case vmx::msr_star: return vmcb_.star;
    case vmx::msr_lstar: return vmcb_.lstar;
    case vmx::msr_cstar: return vmcb_.cstar;
    case vmx::msr_fmask: return vmcb_.sfmask;
    case vmx::msr_vmx_misc:
        return u64{1} << 5; // entry controls follow EFER.LMA; no activity state but active
    case vmx::msr_vmx_secondary: {
        u64 const missing = support_->nested_paging ? 0 : vmx::secondary::NestedPaging::mask;
        u64 const possible = (secondary_forced | secondary_changeable) & ~missing;
        return possible << 32 | secondary_forced;
    }
    }
    return {};
}

std::optional<u64> Vcpu::write_msr(u64 msr, u64 value) {
    switch (msr) {
    case vmx::msr_star: return vmcb_.star = value;
    case vmx::msr_lstar: return vmcb_.lstar = value;
    case vmx::msr_cstar: return vmcb_.cstar = value;
    case vmx::msr_fmask: return vmcb_.sfmask = value & 0xffffffff;
    }
    return {};
}

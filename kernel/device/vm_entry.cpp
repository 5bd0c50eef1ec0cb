// SPDX-License-Identifier: Apache-2.0
// From the monitor's words to a VMCB that VMRUN takes. What the processor would refuse is found
// here (APM 15.5.1): a refused VMRUN may store anything, even the host's state, where the guest's
// belongs.
#include "kernel/device/vcpu.hpp"
#include "kernel/device/vmcs_field.hpp"

namespace {

constexpr u64 always1 = svm::intercept1::Interrupt::mask | svm::intercept1::Nmi::mask |
                        svm::intercept1::Smi::mask | svm::intercept1::Init::mask |
                        svm::intercept1::Cpuid::mask | svm::intercept1::Invd::mask |
                        svm::intercept1::Rdpmc::mask | svm::intercept1::Invlpga::mask |
                        svm::intercept1::Io::mask | svm::intercept1::Msr::mask |
                        svm::intercept1::FerrFreeze::mask | svm::intercept1::Shutdown::mask;
constexpr u64 always2 = svm::intercept2::SvmInstructions::mask | svm::intercept2::Wbinvd::mask |
                        svm::intercept2::Monitor::mask | svm::intercept2::Mwait::mask |
                        svm::intercept2::Xsetbv::mask | svm::intercept2::Rdpru::mask;
// A guest whose handlers for #DB or #AC raise the same again would hold the processor forever,
// interrupts shut out.
constexpr u32 always_exceptions = 1u << 1 | 1u << 17;

constexpr u32 write_intercept(unsigned control_register) { return 1u << (16 + control_register); }
constexpr u32 read_intercept(unsigned control_register) { return 1u << control_register; }

// Whether the exception pushes an error code, SDM vol. 3, table 6-1.
constexpr bool has_error_code(u64 vector) {
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

constexpr u64 to_svm_event(u64 info, u64 error_code) {
    using namespace vmx;
    u64 const event = svm::event::Valid::mask |
                      svm::event::Vector::make(interruption::Vector::get(info)) |
                      svm::event::Type::make(interruption::Type::get(info));
    if (!interruption::HasErrorCode::get(info)) return event;
    return event | svm::event::HasErrorCode::mask | svm::event::ErrorCode::make(error_code);
}

} // namespace

// SDM vol. 3, 27.2.1.3 and 27.3.1.5.
bool Vcpu::can_inject() const {
    using namespace vmx::interruption;
    u64 const info = controls_.entry_interruption;
    u64 const vector = Vector::get(info);
    bool const error_code = HasErrorCode::get(info) != 0;
    if (info & ~(Vector::mask | Type::mask | HasErrorCode::mask | Valid::mask)) return false;
    switch (Type::get(info)) {
    case type_external:
        return !error_code && (vmcb_.rflags & (1u << 9)) &&
               !svm::InterruptShadow::get(vmcb_.interrupt_shadow);
    case type_nmi: return !error_code && vector == 2;
    case type_exception:
        return vector < 31 && vector != 2 && (!error_code || has_error_code(vector));
    }
    return false;
}

bool Vcpu::can_enter() const {
    using namespace vmcs_field;
    bool const paging = cr0::Paging::get(vmcb_.cr0) != 0;
    bool const protected_mode = cr0::ProtectedMode::get(vmcb_.cr0) != 0;
    bool const long_enable = efer::LongModeEnable::get(vmcb_.efer) != 0;
    bool const long_active = efer::LongModeActive::get(vmcb_.efer) != 0;
    if (paging && !protected_mode) return false;
    if (cr0::NotWriteThrough::get(vmcb_.cr0) && !cr0::CacheDisable::get(vmcb_.cr0)) return false;
    if (long_active != (long_enable && paging)) return false;
    if (long_active && !cr4::PhysicalAddressExtension::get(vmcb_.cr4)) return false;
    if (long_active && svm::attributes::Long::get(vmcb_.cs.attributes) &&
        svm::attributes::Default32::get(vmcb_.cs.attributes))
        return false;
    if ((vmcb_.rflags & rflags_virtual_8086) && (long_active || !protected_mode)) return false;
    for (u64 pat = vmcb_.pat, i = 0; i < 8; ++i, pat >>= 8)
        if ((pat & 0xff) > 7 || (pat & 0xff) == 2 || (pat & 0xff) == 3) return false;
    if (!can_translate()) return false;
    return !vmx::interruption::Valid::get(controls_.entry_interruption) || can_inject();
}

// Without nested paging the guest never leaves the mode that the composed root is for: in any other its linear addresses would be
// the machine's physical ones, or the root's words would be entries of another format.
bool Vcpu::can_translate() const {
    if (paging() == GuestPaging::nested) return support_->nested_paging;
    return cr0::Paging::get(vmcb_.cr0) && cr4::PhysicalAddressExtension::get(vmcb_.cr4);
}

void Vcpu::prepare_intercepts() {
    using namespace vmx;
    u64 const controls = controls_.primary;
    u64 words1 = always1, words2 = always2;
    if (primary::InterruptWindow::get(controls)) words1 |= svm::intercept1::VirtualInterrupt::mask;
    if (primary::Hlt::get(controls)) words1 |= svm::intercept1::Hlt::mask;
    if (primary::Invlpg::get(controls)) words1 |= svm::intercept1::Invlpg::mask;
    if (primary::Rdtsc::get(controls)) words1 |= svm::intercept1::Rdtsc::mask;
    if (primary::Pause::get(controls)) words1 |= svm::intercept1::Pause::mask;
    if (secondary::DescriptorTables::get(controls_.secondary))
        words1 |= svm::intercept1::DescriptorTables::mask;
    if (primary::Rdtsc::get(controls) || !secondary::Rdtscp::get(controls_.secondary))
        words2 |= svm::intercept2::Rdtscp::mask;
    vmcb_.intercepts[0] = static_cast<u32>(words1);
    vmcb_.intercepts[1] = static_cast<u32>(words2);

    u32 registers = 0;
    if (paging() != GuestPaging::nested) {
        // Whatever changes how the guest's addresses are translated; a task switch loads CR3.
        vmcb_.intercepts[0] |= static_cast<u32>(svm::intercept1::Invlpg::mask | svm::intercept1::TaskSwitch::mask);
        registers = write_intercept(0) | write_intercept(3) | write_intercept(4) | read_intercept(3);
    }
    if (controls_.cr0_mask) registers |= write_intercept(0);
    if (controls_.cr4_mask) registers |= write_intercept(4);
    if (controls_.cr0_mask & (vmcb_.cr0 ^ controls_.cr0_read_shadow))
        registers |= read_intercept(0);
    if (controls_.cr4_mask & (vmcb_.cr4 ^ controls_.cr4_read_shadow))
        registers |= read_intercept(4);
    if (primary::Cr3Load::get(controls)) registers |= write_intercept(3);
    if (primary::Cr3Store::get(controls)) registers |= read_intercept(3);
    if (primary::Cr8Load::get(controls)) registers |= write_intercept(8);
    if (primary::Cr8Store::get(controls)) registers |= read_intercept(8);
    vmcb_.intercept_cr = registers;
    vmcb_.intercept_dr = primary::MovDr::get(controls) ? ~0u : 0;
    vmcb_.intercept_exceptions = static_cast<u32>(controls_.exception_bitmap) | always_exceptions;
}

void Vcpu::prepare_translation(GuestRoots const& roots, GuestTags& tags, ComposedRoot& composed) {
    bool const nested = roots.paging == GuestPaging::nested;
    vmcb_.nested_enable = nested;
    vmcb_.nested_cr3 = nested ? machine::physical(roots.own).value : 0;
    vmcb_.cr3 = nested ? cr3_ : composed.compose(roots, support_->composed_root, tags.tables()).value;
    if (roots_ != roots) tag_ = {}; // what the TLB holds under the old tag is another root's
    roots_ = roots;
    bool const flush = tags.renew(tag_, support_->asids);
    vmcb_.asid = tag_.asid;
    vmcb_.tlb_control = static_cast<u32>(flush ? svm::tlb_flush_all : svm::tlb_keep);
}

// An interrupt goes in as the processor's virtual interrupt request (APM 15.21.4), taken before the guest's first instruction, for
// can_inject() has seen that nothing holds it back. QEMU delivers one from EVENTINJ twice, the second time whatever RFLAGS.IF says,
// when its instruction counter (-icount) runs out before the guest's next exit or exception: helper_vmrun has delivered it, but leaves
// it in exception_index, too. While the request serves as the interrupt window, EVENTINJ it is.
void Vcpu::prepare_event() {
    using namespace svm::interrupt_control;
    u64 const info = controls_.entry_interruption;
    bool const valid = vmx::interruption::Valid::get(info) != 0;
    bool const window = vmx::primary::InterruptWindow::get(controls_.primary) != 0;
    bool const request = valid && !window && vmx::interruption::Type::get(info) == vmx::interruption::type_external;
    injected_ = valid ? to_svm_event(info, controls_.entry_error_code) : 0;
    vmcb_.event_injection = request ? 0 : injected_;
    vmcb_.interrupt_control = Masking::mask | IgnoreTaskPriority::mask | (vmcb_.interrupt_control & TaskPriority::mask) |
                              Request::make(window || request) |
                              Vector::make(request ? vmx::interruption::Vector::get(info) : 0);
}

bool Vcpu::prepare(GuestRoots const& roots, GuestTags& tags, ComposedRoot& composed) {
    if (!can_enter()) {
        fail_entry();
        return false;
    }
    prepare_intercepts();
    prepare_event();
    vmcb_.tsc_offset =
        vmx::primary::TscOffsetting::get(controls_.primary) ? controls_.tsc_offset : 0;
    prepare_translation(roots, tags, composed);
    vmcb_.clean = 0;
    // CPL is the stack segment's DPL, as on VMX; real and virtual-8086 mode have their own.
    if (!cr0::ProtectedMode::get(vmcb_.cr0))
        vmcb_.cpl = 0;
    else if (vmcb_.rflags & vmcs_field::rflags_virtual_8086)
        vmcb_.cpl = 3;
    else
        vmcb_.cpl = static_cast<u8>(svm::attributes::Dpl::get(vmcb_.ss.attributes));

    vmcb_.rax = frame_.registers.rax;
    return true;
}

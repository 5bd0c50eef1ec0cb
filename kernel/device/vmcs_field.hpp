// SPDX-License-Identifier: Apache-2.0
// Which VMCS fields a monitor may read and write (ABI 7.12), where each lives on SVM, and which of
// its bits are fixed.
#pragma once

#include <optional>

#include "kernel/device/vcpu.hpp"
#include "x86/registers.hpp"

namespace vmcs_field {

// Controls: bits that a monitor may change, and bits that are always 1 (SDM appendix A.3; what SVM
// has no counterpart for is fixed).
inline constexpr u64 primary_forced = 0x04006172 | vmx::primary::Mwait::mask |
                                      vmx::primary::Rdpmc::mask | vmx::primary::IoBitmaps::mask |
                                      vmx::primary::MsrBitmaps::mask | vmx::primary::Monitor::mask |
                                      vmx::primary::Secondary::mask;
inline constexpr u64 primary_changeable =
    vmx::primary::InterruptWindow::mask | vmx::primary::TscOffsetting::mask |
    vmx::primary::Hlt::mask | vmx::primary::Invlpg::mask | vmx::primary::Rdtsc::mask |
    vmx::primary::Cr3Load::mask | vmx::primary::Cr3Store::mask | vmx::primary::Cr8Load::mask |
    vmx::primary::Cr8Store::mask | vmx::primary::MovDr::mask | vmx::primary::Pause::mask;
inline constexpr u64 secondary_forced =
    vmx::secondary::Vpid::mask | vmx::secondary::Wbinvd::mask |
    vmx::secondary::UnrestrictedGuest::mask | vmx::secondary::Invpcid::mask;
inline constexpr u64 secondary_changeable = vmx::secondary::NestedPaging::mask |
                                            vmx::secondary::DescriptorTables::mask |
                                            vmx::secondary::Rdtscp::mask;
inline constexpr u64 pin_controls = 0x1f;      // external interrupts and NMIs exit
inline constexpr u64 exit_controls = 0x3f6fff; // 64-bit host; EFER and PAT saved and loaded
inline constexpr u64 entry_controls =
    0xd1ff; // EFER and PAT loaded; vmx::EntryLongMode beside these

inline constexpr u64 cr0_changeable = 0xe005003f & ~cr0::ExtensionType::mask;
inline constexpr u64 rflags_changeable = 0x003f7fd5;
inline constexpr u64 rflags_virtual_8086 = u64{1} << 17;
inline constexpr u64 dr7_changeable = 0xffff2bff;
inline constexpr u64 dr7_forced = 0x400;
inline constexpr u64 dr6_forced = 0xffff0ff0;
inline constexpr u64 xcr0_x87 = 1, xcr0_sse = 2, xcr0_avx = 4; // SDM vol. 1, 13.3
inline constexpr u64 reset_pat = 0x0007040600070406;

// A VMX access rights word and an SVM attribute word hold the same descriptor bits at other places.
constexpr u64 to_access_rights(u16 attributes) {
    return svm::attributes::Low::get(attributes) |
           vmx::access_rights::High::make(svm::attributes::High::get(attributes)) |
           (svm::attributes::Present::get(attributes) ? 0 : vmx::access_rights::Unusable::mask);
}
constexpr u16 to_attributes(u64 access_rights) {
    u64 const word = vmx::access_rights::Low::get(access_rights) |
                     svm::attributes::High::make(vmx::access_rights::High::get(access_rights));
    bool const unusable = vmx::access_rights::Unusable::get(access_rights) != 0;
    return static_cast<u16>(unusable ? word & ~svm::attributes::Present::mask : word);
}

} // namespace vmcs_field

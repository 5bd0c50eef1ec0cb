// SPDX-License-Identifier: Apache-2.0
// Virtual CPUs by AMD SVM: switching it on, and one run of a guest.
#include "kernel/machine/x86_64/svm.hpp"

#include "kernel/device/msr_permissions.hpp"
#include "kernel/device/vmcs_field.hpp"
#include "kernel/machine/machine.hpp"
#include "kernel/machine/x86_64/entry.hpp"
#include "kernel/machine/x86_64/features.hpp"
#include "kernel/machine/x86_64/guest_offsets.h"
#include "kernel/machine/x86_64/instructions.hpp"
#include "kernel/machine/x86_64/paging.hpp"
#include "kernel/memory/composed_root.hpp"
#include "x86/registers.hpp"

static_assert(GUEST_RBX == offsetof(GuestFrame, registers.rbx) &&
              GUEST_RCX == offsetof(GuestFrame, registers.rcx) &&
              GUEST_RDX == offsetof(GuestFrame, registers.rdx) &&
              GUEST_RSI == offsetof(GuestFrame, registers.rsi) &&
              GUEST_RDI == offsetof(GuestFrame, registers.rdi) &&
              GUEST_RBP == offsetof(GuestFrame, registers.rbp) &&
              GUEST_R8 == offsetof(GuestFrame, registers.r8) &&
              GUEST_R9 == offsetof(GuestFrame, registers.r9) &&
              GUEST_R10 == offsetof(GuestFrame, registers.r10) &&
              GUEST_R11 == offsetof(GuestFrame, registers.r11) &&
              GUEST_R12 == offsetof(GuestFrame, registers.r12) &&
              GUEST_R13 == offsetof(GuestFrame, registers.r13) &&
              GUEST_R14 == offsetof(GuestFrame, registers.r14) &&
              GUEST_R15 == offsetof(GuestFrame, registers.r15) &&
              GUEST_VMCB == offsetof(GuestFrame, vmcb));

extern "C" void svm_run(GuestFrame* frame, u64 host_vmcb); // svm.S

namespace machine {
namespace {

struct alignas(4096) Page {
    std::byte bytes[4096];
};
constinit Page host_save{}; // the processor's own
constinit Page host_vmcb{}; // what VMSAVE and VMLOAD switch
constinit ComposedTables composed_tables{};
alignas(4096) constinit msr_permissions::Map const permissions = msr_permissions::make();
constinit GuestSupport support{};

u64 physical_in_image(void const* object) { return reinterpret_cast<u64>(object) - image_base; }

// CR4 bits and the CPUID bits that say that the processor knows them: Intel SDM vol. 3, 2.5; AMD
// APM vol. 3, appendix E.
u64 known_cr4_bits() {
    u64 bits = 0x7ff; // VME to OSXMMEXCPT: every processor with long mode
    auto const leaf1 = processor::cpuid(1);
    bits |= Bits<17>::make(Bits<17>::get(leaf1.ecx)); // PCID
    bits |= Bits<18>::make(Bits<26>::get(leaf1.ecx)); // OSXSAVE
    if (processor::cpuid(0).eax < 7) return bits;
    auto const leaf7 = processor::cpuid(7);
    bits |= Bits<11>::make(Bits<2>::get(leaf7.ecx));  // UMIP
    bits |= Bits<16>::make(Bits<0>::get(leaf7.ebx));  // FSGSBASE
    bits |= Bits<20>::make(Bits<7>::get(leaf7.ebx));  // SMEP
    bits |= Bits<21>::make(Bits<20>::get(leaf7.ebx)); // SMAP
    bits |= cr4::ProtectionKeys::make(Bits<3>::get(leaf7.ecx));
    return bits;
}

// Which parts of the FPU a guest may switch on: x87, SSE, AVX as far as the processor has them.
u64 known_xcr0_bits() {
    if (!Bits<26>::get(processor::cpuid(1).ecx)) return 0;
    return processor::cpuid(0xd).eax &
           (vmcs_field::xcr0_x87 | vmcs_field::xcr0_sse | vmcs_field::xcr0_avx);
}

u64 read_xcr0() {
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return u64{high} << 32 | low;
}

void write_xcr0(u64 value) {
    asm volatile("xsetbv"
                 :
                 : "c"(0), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
}

// The kernel itself and its threads know nothing of XSAVE: CR4.OSXSAVE is on only while the guest's
// state is moved and in use.
void switch_fpu_in(GuestFrame const& frame) {
    enable_fpu(true);
    if (frame.xcr0 == vmcs_field::xcr0_x87) return load_fpu(frame.fpu);
    processor::write_cr4(processor::read_cr4() | cr4::XSave::mask);
    // XRSTOR refuses an image with more than XCR0 has on, and the guest may have switched off what
    // the image holds.
    write_xcr0(support.xcr0_bits);
    asm volatile("xrstor64 (%0)" : : "r"(frame.fpu), "a"(support.xcr0_bits), "d"(0) : "memory");
    write_xcr0(frame.xcr0);
}

// XCR0 is read back instead of remembered: QEMU 7.2 does not intercept XSETBV.
void switch_fpu_out(GuestFrame& frame) {
    enable_fpu(true);
    if (!support.xcr0_bits) return save_fpu(frame.fpu);
    processor::write_cr4(processor::read_cr4() | cr4::XSave::mask);
    frame.xcr0 = read_xcr0();
    if (frame.xcr0 == vmcs_field::xcr0_x87) {
        save_fpu(frame.fpu);
    } else {
        write_xcr0(support.xcr0_bits); // all of it, also what the guest has switched off; no more
                                       // than there is room for
        asm volatile("xsave64 (%0)" : : "r"(frame.fpu), "a"(support.xcr0_bits), "d"(0) : "memory");
        write_xcr0(vmcs_field::xcr0_x87);
    }
    processor::write_cr4(processor::read_cr4() & ~cr4::XSave::mask);
}

// PKRU can be touched only while CR4.PKE is on. The kernel and its threads use no protection keys.
void switch_keys_in(GuestFrame const& frame) {
    if (!(support.cr4_bits & cr4::ProtectionKeys::mask)) return;
    processor::write_cr4(processor::read_cr4() | cr4::ProtectionKeys::mask);
    asm volatile("wrpkru" : : "a"(static_cast<u32>(frame.pkru)), "c"(0), "d"(0));
}

void switch_keys_out(GuestFrame& frame) {
    if (!(support.cr4_bits & cr4::ProtectionKeys::mask)) return;
    u32 value, zero;
    asm volatile("rdpkru" : "=a"(value), "=d"(zero) : "c"(0));
    frame.pkru = value;
    processor::write_cr4(processor::read_cr4() & ~cr4::ProtectionKeys::mask);
}

void switch_debug_registers_in(u64 const (&values)[4]) {
    asm volatile("mov %0, %%dr0\n mov %1, %%dr1\n mov %2, %%dr2\n mov %3, %%dr3"
                 :
                 : "r"(values[0]), "r"(values[1]), "r"(values[2]), "r"(values[3]));
}

void switch_debug_registers_out(u64 (&values)[4]) {
    asm volatile("mov %%dr0, %0\n mov %%dr1, %1\n mov %%dr2, %2\n mov %%dr3, %3"
                 : "=r"(values[0]), "=r"(values[1]), "=r"(values[2]), "=r"(values[3]));
}

} // namespace

GuestSupport const& guest_support() { return support; }

void start_guests() {
    if (!features().svm) return;
    if (svm::VmCrDisabled::get(processor::read_msr(svm::msr_vm_cr))) return; // by the firmware
    auto const leaf = processor::cpuid(svm::cpuid_leaf);
    if (leaf.ebx < 2) return;
    processor::write_msr(msr::efer, processor::read_msr(msr::efer) | svm::EferSvme::mask);
    processor::write_msr(svm::msr_vm_hsave_pa, physical_in_image(&host_save));
    support = {.present = true,
               .nested_paging = features().nested_paging,
               .next_rip = svm::CpuidNextRip::get(leaf.edx) != 0,
               .decode_assists = svm::CpuidDecodeAssists::get(leaf.edx) != 0,
               .asids = leaf.ebx,
               .cr4_bits = known_cr4_bits(),
               .efer_bits = efer::SystemCall::mask | efer::LongModeEnable::mask |
                            efer::LongModeActive::mask |
                            efer::NoExecuteEnable::make(features().no_execute),
               .physical_mask = (u64{1} << features().physical_address_bits) - 1,
               .xcr0_bits = known_xcr0_bits(),
               .msr_permissions = {physical_in_image(&permissions)},
               .composed_root = {physical_in_image(&composed_tables)}};
}

Event run_guest(GuestFrame& frame) {
    switch_fpu_in(frame);
    switch_keys_in(frame);
    switch_debug_registers_in(frame.debug_registers);
    svm_run(&frame, physical_in_image(&host_vmcb));
    switch_debug_registers_out(frame.debug_registers);
    switch_keys_out(frame);
    switch_fpu_out(frame);
    auto const& vmcb = *reinterpret_cast<svm::Vmcb const*>(window({frame.vmcb}));
    if (vmcb.exit_code != svm::exit_code::interrupt) return VmExitEvent{};
    unsigned const vector = take_interrupt();
    if (vector == 0) return VmExitEvent{}; // a spurious one
    return InterruptEvent{static_cast<u8>(vector)};
}

} // namespace machine

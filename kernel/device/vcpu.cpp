// SPDX-License-Identifier: Apache-2.0
#include "kernel/device/vcpu.hpp"

#include "kernel/device/vmcs_field.hpp"
#include "kernel/thread/tcb.hpp"

Vcpu::Vcpu(PhysAddr self, GuestSupport const& support) : support_(&support) {
    static_assert(offsetof(Vcpu, vmcb_) == 0 && offsetof(Vcpu, io_permissions_) == 0x1000);
    for (u8& ports : io_permissions_) ports = 0xff;
    frame_.vmcb = self.value;
    frame_.xcr0 = vmcs_field::xcr0_x87;
    // As FNINIT and LDMXCSR leave it: all exceptions masked.
    frame_.fpu[0] = std::byte{0x7f};
    frame_.fpu[1] = std::byte{0x03};
    frame_.fpu[24] = std::byte{0x80};
    frame_.fpu[25] = std::byte{0x1f};
    vmcb_.io_permissions = self.value + offsetof(Vcpu, io_permissions_);
    vmcb_.msr_permissions = support.msr_permissions.value;
    reset();
}

// APM vol. 2, table 14-1, but with caches on.
void Vcpu::reset() {
    svm::Segment const data{.selector = 0, .attributes = 0x93, .limit = 0xffff, .base = 0};
    vmcb_.es = vmcb_.ss = vmcb_.ds = vmcb_.fs = vmcb_.gs = data;
    vmcb_.cs = {.selector = 0xf000, .attributes = 0x9b, .limit = 0xffff, .base = 0xffff0000};
    vmcb_.gdtr = vmcb_.idtr = {.selector = 0, .attributes = 0, .limit = 0xffff, .base = 0};
    vmcb_.ldtr = {.selector = 0, .attributes = 0x82, .limit = 0xffff, .base = 0};
    vmcb_.tr = {.selector = 0, .attributes = 0x8b, .limit = 0xffff, .base = 0};
    vmcb_.cpl = 0;
    vmcb_.efer = svm::EferSvme::mask;
    vmcb_.cr0 = cr0::ExtensionType::mask;
    vmcb_.cr2 = vmcb_.cr3 = vmcb_.cr4 = cr3_ = 0;
    vmcb_.dr6 = vmcs_field::dr6_forced;
    vmcb_.dr7 = vmcs_field::dr7_forced;
    vmcb_.rflags = 2;
    vmcb_.rip = 0xfff0;
    vmcb_.rsp = vmcb_.rax = 0;
    vmcb_.star = vmcb_.lstar = vmcb_.cstar = vmcb_.sfmask = vmcb_.kernel_gs_base = 0;
    vmcb_.sysenter_cs = vmcb_.sysenter_esp = vmcb_.sysenter_eip = 0;
    vmcb_.pat = vmcs_field::reset_pat;
    vmcb_.interrupt_shadow = 0;
    controls_ = {.primary = vmcs_field::primary_forced, .secondary = vmcs_field::secondary_forced | vmx::secondary::NestedPaging::mask};
    exit_ = {};
    exit_rip_ = vmcb_.rip;
}

void Vcpu::bind(Tcb& thread) {
    unbind();
    if (thread.vcpu) thread.vcpu->unbind();
    thread_ = &thread;
    thread.vcpu = this;
}

void Vcpu::unbind() {
    if (thread_) thread_->vcpu = nullptr;
    thread_ = nullptr;
}

GuestPaging Vcpu::paging() const {
    if (vmx::secondary::NestedPaging::get(controls_.secondary)) return GuestPaging::nested;
    return efer::LongModeActive::get(vmcb_.efer) ? GuestPaging::four_level : GuestPaging::pae;
}

void Vcpu::enable_ports(u16 first, u16 last) {
    for (u32 port = first; port <= last; ++port)
        io_permissions_[port / 8] = static_cast<u8>(io_permissions_[port / 8] & ~(1u << port % 8));
}

void Vcpu::disable_ports(u16 first, u16 last) {
    for (u32 port = first; port <= last; ++port)
        io_permissions_[port / 8] = static_cast<u8>(io_permissions_[port / 8] | 1u << port % 8);
}

void Vcpu::begin(u64 rip, u64 primary_controls, u64 entry_interruption) {
    // The shadow of STI and MOV SS covers one instruction; the monitor that moves on has carried
    // that one out.
    if (rip != exit_rip_) vmcb_.interrupt_shadow = 0;
    vmcb_.rip = rip;
    write(static_cast<u64>(vmx::Field::primary_controls), primary_controls);
    write(static_cast<u64>(vmx::Field::entry_interruption_info), entry_interruption);
}

void Vcpu::message(std::span<u64, abi::vm_message::words> words) const {
    namespace at = abi::vm_message;
    words[at::rip] = vmcb_.rip;
    words[at::primary_controls] = controls_.primary;
    words[at::entry_interruption] = controls_.entry_interruption;
    words[at::exit_reason] = exit_.reason;
    words[at::qualification] = exit_.qualification;
    words[at::instruction_length] = exit_.instruction_length;
    words[at::guest_physical] = exit_.guest_physical;
    words[at::rflags] = vmcb_.rflags;
    words[at::interruptibility] = svm::InterruptShadow::get(vmcb_.interrupt_shadow);
    words[at::cr3] = cr3_;
    abi::VcpuRegisters const& r = frame_.registers;
    u64 const values[] = {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8,
                          r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
    static_assert(std::size(values) == words.size() - at::registers);
    for (std::size_t i = 0; i < std::size(values); ++i) words[at::registers + i] = values[i];
}

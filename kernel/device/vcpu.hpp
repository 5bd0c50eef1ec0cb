// SPDX-License-Identifier: Apache-2.0
// A virtual CPU (ABI 7.12): a guest's processor state and what its monitor wants to know of. The
// monitor speaks VMX (x86/vmcs.hpp); the processor reads the VMCB (x86/vmcb.hpp); this class
// translates. Where the two do not fit: docs/decisions/vmx-words-on-svm.md and abi/vcpu.hpp.
//
//   page 0      VMCB
//   page 1, 2   I/O permission map, 64 Kibit; set = exit
//   page 3      the map's last byte, then everything that VMRUN does not switch, the monitor's
//               words and the last exit
#pragma once

#include <optional>
#include <span>
#include <type_traits>

#include "abi/profile.hpp"
#include "kernel/machine/guest.hpp"
#include "kernel/memory/composed_root.hpp"
#include "kernel/memory/guest_tag.hpp"
#include "x86/vmcb.hpp"
#include "x86/vmcs.hpp"

class Tcb;

// The monitor's words, in VMX terms, fixed bits already forced.
struct VmControls {
    u64 primary{}, secondary{};
    u64 exception_bitmap{};
    u64 cr0_mask{}, cr0_read_shadow{}, cr4_mask{}, cr4_read_shadow{};
    u64 entry_interruption{}, entry_error_code{};
    u64 tsc_offset{};
};

// An exit in VMX terms.
struct VmExit {
    u64 reason{}, qualification{};
    u64 instruction_length{}; // bytes, 0: unknown
    u64 guest_physical{}, guest_linear{};
    u64 interruption_info{}, interruption_error_code{};
    u64 vectoring_info{}, vectoring_error_code{};
    u64 instruction_info{};

    // No entry took place: the state that the monitor wrote is not one that the processor takes.
    static constexpr VmExit failed_entry() { return {.reason = ~u64{0}, .qualification = ~u64{0}}; }
};

enum class AfterExit {
    host_interrupt, // an interrupt of the host is pending; the guest continues later
    resume,         // nothing to tell: the guest continues
    tell_monitor,
};

class Vcpu {
public:
    static constexpr unsigned size_bits = abi::size_bits::vcpu;

    // At physical address `self` (16 KiB aligned); as after RESET: real mode at 0xfffffff0, all
    // ports exit.
    Vcpu(PhysAddr self, GuestSupport const& support);
    Vcpu(Vcpu const&) = delete;
    Vcpu& operator=(Vcpu const&) = delete;

    // VMCS fields by the monitor's number; empty where ABI 7.12 allows none. write() returns what
    // it stored, fixed bits forced.
    std::optional<u64> read(u64 field) const;
    std::optional<u64> write(u64 field, u64 value);
    std::optional<u64> read_msr(u64 msr) const;
    std::optional<u64> write_msr(u64 msr, u64 value);
    bool may_write(u64 field) const;
    static bool may_write_msr(u64 msr);

    // Ports [first, last] reach the hardware, or exit.
    void enable_ports(u16 first, u16 last);
    void disable_ports(u16 first, u16 last);

    // Puts the three words of VMEnter into force.
    void begin(u64 rip, u64 primary_controls, u64 entry_interruption);
    // What the roots of the next entry are to translate; of GuestRoots for prepare().
    GuestPaging paging() const;
    // Fills the VMCB's control area. False: the processor would refuse this state; exit() then says
    // so.
    [[nodiscard]] bool prepare(GuestRoots const& roots, GuestTags& tags, ComposedRoot& composed);
    // After the processor left the guest: what happened, in VMX terms.
    [[nodiscard]] AfterExit record_exit(GuestTags& tags);
    void fail_entry() { exit_ = VmExit::failed_entry(); }

    // The words of VMEnter's answer (abi::vm_message).
    void message(std::span<u64, abi::vm_message::words> words) const;

    abi::VcpuRegisters& registers() { return frame_.registers; }
    GuestFrame& frame() { return frame_; }
    svm::Vmcb& vmcb() { return vmcb_; } // for the machine and for tests
    svm::Vmcb const& vmcb() const { return vmcb_; }
    VmExit const& exit() const { return exit_; }
    VmControls const& controls() const { return controls_; }

    // The thread that VMEnter runs this guest on, which points back; null: none.
    Tcb* thread() const { return thread_; }
    // Binds both ways; whatever either was bound to is let go.
    void bind(Tcb& thread);
    void unbind();

private:
    void reset();
    bool can_enter() const;
    bool can_inject() const;
    bool can_translate() const;
    void prepare_intercepts();
    void prepare_event();
    void prepare_translation(GuestRoots const& roots, GuestTags& tags, ComposedRoot& composed);
    void take_back_interrupted_event();
    AfterExit record_exception(u64 vector);
    AfterExit raise_invalid_opcode();
    bool set_xcr0();

    svm::Vmcb vmcb_{};
    u8 io_permissions_[svm::io_permission_bytes]{};
    GuestSupport const* support_;
    VmControls controls_{};
    VmExit exit_{};
    u64 cr3_{};      // the guest's as the monitor knows it; without nested paging the VMCB's is the kernel's
    u64 exit_rip_{}; // where the last exit left the guest
    u64 injected_{}; // the event that the last entry was told to inject, SVM's word
    Tcb* thread_{};
    GuestTag tag_{};
    GuestRoots roots_{}; // that translations under the tag are of
    GuestFrame frame_{};
};
static_assert(std::is_standard_layout_v<Vcpu>); // offsets are asked for
static_assert(sizeof(Vcpu) <= u64{1} << Vcpu::size_bits);

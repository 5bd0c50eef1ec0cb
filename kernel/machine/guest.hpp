// SPDX-License-Identifier: Apache-2.0
// What hardware does for virtual CPUs. machine/x86_64 does it with SVM, machine/host records that
// it was asked.
#pragma once

#include "abi/vcpu.hpp"
#include "base/types.hpp"

// What the processor can do for guests; fixed at boot.
struct GuestSupport {
    bool
        present{}; // SVM, switched on. If not, no Vcpu can be bound to a thread.
    bool nested_paging{};     // the processor translates guest-physical addresses
    bool next_rip{};          // the VMCB tells where the next instruction starts
    bool decode_assists{};    // the VMCB tells the operands of control register, debug register and
                              // INVLPG exits
    u32 asids{};              // a guest's hardware ASID is 1 .. asids - 1; 0 is the host's
    u64 cr4_bits{};           // bits of CR4 that the processor knows
    u64 efer_bits{};          // bits of EFER that a guest may set
    u64 physical_mask{};      // bits of a physical address
    u64 xcr0_bits{};          // what a guest may switch on in XCR0; 0: the processor has no XSAVE
    PhysAddr msr_permissions; // the one MSR permission map, svm::msr_permission_bytes
    PhysAddr composed_root;   // ComposedTables (kernel/memory/composed_root.hpp), below 4 GiB
    constexpr bool operator==(GuestSupport const&) const = default;
};

// The part of a guest's state that VMRUN does not switch. svm.S knows the offsets.
struct GuestFrame {
    abi::VcpuRegisters registers; // rax is the VMCB's at entry and exit
    u64 vmcb;                     // physical address
    u64 debug_registers[4];       // DR0..DR3
    u64 xcr0;                     // 1: FXSAVE knows all of the guest's FPU state
    u64 pkru; // rights of protection keys
    u64 reserved[2];
    alignas(64) std::byte fpu[832]; // FXSAVE or, with more than x87 in xcr0, XSAVE image
};
static_assert(offsetof(GuestFrame, vmcb) == 120 && offsetof(GuestFrame, debug_registers) == 128);
static_assert(offsetof(GuestFrame, fpu) == 192);

namespace machine {

GuestSupport const& guest_support();

} // namespace machine

// SPDX-License-Identifier: Apache-2.0
// What the guest's CPUID says: the processor it really runs on, cut down to what the monitor and
// the kernel can keep, plus the leaves of a hypervisor with KVM's paravirtual clock and end of
// interrupt, because they save most of the exits that a booting Linux would make (it calibrates no
// timer, polls no PIT, reads no clock device).
#pragma once

#include "base/types.hpp"

namespace vmm {

struct CpuidResult {
    u32 eax, ebx, ecx, edx;
    bool operator==(CpuidResult const&) const = default;
};

// The processor itself; tests put a table here.
using CpuidSource = CpuidResult (*)(u32 leaf, u32 subleaf);
CpuidResult host_cpuid(u32 leaf, u32 subleaf);

CpuidResult guest_cpuid(u32 leaf, u32 subleaf, CpuidSource host);

// Address bits of the guest's memory (MAXPHYADDR), as its CPUID tells them.
u8 guest_physical_bits(CpuidSource host);

} // namespace vmm

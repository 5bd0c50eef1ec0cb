// SPDX-License-Identifier: Apache-2.0
// The control registers of a guest that does not have the processor's own: what it believes they
// are, and which values a processor would refuse (Intel SDM vol. 3, 2.5 and 4.1; AMD APM vol. 2,
// 3.1). For engines that keep the guest's page tables away from the processor.
#pragma once

#include "x86/emulate/page_walk.hpp"

namespace vmm {

class ControlRegisters {
public:
    // The bits that the guest's processor has. Writes of 1 to others: ignored in CR0, #GP in CR4
    // and EFER.
    struct Known {
        u64 cr0, cr4, efer;
    };
    // What the CPUID of guests in guest mode offers.
    static Known const all;
    ControlRegisters(u8 physical_bits, Known const& known) : known_(known) {
        paging_.physical_bits = physical_bits;
    }

    // The registers of a guest that starts.
    void reset(u64 cr0, u64 cr3, u64 cr4, u64 efer);
    x86::Paging const& paging() const { return paging_; }

    // Each either takes the value, or is #GP and changes nothing. tables: for the PDPTEs of PAE.
    // long_code: CS.L is set.
    x86::OrException<> set_cr0(u64 value, bool long_code, x86::TableMemory& tables);
    x86::OrException<> set_cr3(u64 value, x86::TableMemory& tables);
    x86::OrException<> set_cr4(u64 value, x86::TableMemory& tables);
    x86::OrException<> set_efer(u64 value);

private:
    x86::OrException<> take(x86::Paging next, x86::TableMemory& tables);

    Known known_;
    x86::Paging paging_;
};

} // namespace vmm

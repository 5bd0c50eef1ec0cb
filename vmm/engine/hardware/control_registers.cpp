// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/hardware/control_registers.hpp"

#include "x86/registers.hpp"

namespace vmm {
namespace {

std::unexpected<x86::Exception> refuse() {
    return fail(x86::Exception{x86::vector::general_protection, 0});
}

} // namespace

ControlRegisters::Known const ControlRegisters::all{
    .cr0 = 0xe005003f, // PE MP EM TS ET NE WP AM NW CD PG
    // VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT UMIP FSGSBASE SMEP SMAP
    .cr4 = 0x310fff,
    .efer = efer::SystemCall::mask | efer::LongModeEnable::mask | efer::LongModeActive::mask |
            efer::NoExecuteEnable::mask};

void ControlRegisters::reset(u64 cr0, u64 cr3, u64 cr4, u64 efer) {
    paging_ = {
        .cr0 = cr0, .cr3 = cr3, .cr4 = cr4, .efer = efer, .physical_bits = paging_.physical_bits};
}

x86::OrException<> ControlRegisters::take(x86::Paging next, x86::TableMemory& tables) {
    if (next.mode() == x86::PagingMode::pae) {
        auto const pdptes = x86::load_pdptes(next.cr3, next.physical_bits, tables);
        if (!pdptes) return refuse();
        next.pdpte = *pdptes;
    }
    paging_ = next;
    return {};
}

x86::OrException<> ControlRegisters::set_cr0(u64 value, bool long_code, x86::TableMemory& tables) {
    bool const paging = cr0::Paging::get(value);
    bool const was_paging = cr0::Paging::get(paging_.cr0);
    bool const long_mode = efer::LongModeEnable::get(paging_.efer);
    if (value >> 32) return refuse();
    if (paging && !cr0::ProtectedMode::get(value)) return refuse();
    if (cr0::NotWriteThrough::get(value) && !cr0::CacheDisable::get(value)) return refuse();
    if (paging != was_paging && long_mode && long_code) return refuse();
    if (paging && !was_paging && long_mode && !cr4::PhysicalAddressExtension::get(paging_.cr4))
        return refuse();
    x86::Paging next = paging_;
    next.cr0 = (value & known_.cr0) | cr0::ExtensionType::mask;
    next.efer = efer::LongModeActive::set(next.efer, long_mode && paging);
    // The PDPTEs are loaded when these change (Intel SDM vol. 3, 4.4.1), not with every other bit.
    constexpr u64 reloads =
        cr0::Paging::mask | cr0::CacheDisable::mask | cr0::NotWriteThrough::mask;
    if ((next.cr0 ^ paging_.cr0) & reloads) return take(next, tables);
    paging_ = next;
    return {};
}

x86::OrException<> ControlRegisters::set_cr3(u64 value, x86::TableMemory& tables) {
    bool const long_mode = efer::LongModeActive::get(paging_.efer);
    if (long_mode && paging_.physical_bits < 64 && value >> paging_.physical_bits) return refuse();
    x86::Paging next = paging_;
    next.cr3 = long_mode ? value : value & 0xffffffff;
    return take(next, tables);
}

x86::OrException<> ControlRegisters::set_cr4(u64 value, x86::TableMemory& tables) {
    if (value & ~known_.cr4) return refuse();
    if (efer::LongModeActive::get(paging_.efer) && !cr4::PhysicalAddressExtension::get(value))
        return refuse();
    constexpr u64 reloads = cr4::PhysicalAddressExtension::mask | cr4::PageSizeExtension::mask |
                            cr4::GlobalPages::mask | cr4::SupervisorExecutionPrevention::mask;
    bool const reload = ((value ^ paging_.cr4) & reloads) != 0;
    x86::Paging next = paging_;
    next.cr4 = value;
    if (reload) return take(next, tables);
    paging_ = next;
    return {};
}

x86::OrException<> ControlRegisters::set_efer(u64 value) {
    if (value & ~known_.efer) return refuse();
    bool const paging = cr0::Paging::get(paging_.cr0);
    if (paging && ((value ^ paging_.efer) & efer::LongModeEnable::mask)) return refuse();
    constexpr u64 active = efer::LongModeActive::mask; // the processor's own
    paging_.efer = (value & ~active) | (paging_.efer & active);
    return {};
}

} // namespace vmm

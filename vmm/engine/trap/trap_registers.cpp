// SPDX-License-Identifier: Apache-2.0
// Control, debug and model-specific registers of the guest.
#include "vmm/engine/trap/trap_engine.hpp"
#include "vmm/guest_tables.hpp"
#include "x86/registers.hpp"

namespace vmm::trap {
namespace {

constexpr x86::Exception general_protection{.vector = x86::vector::general_protection,
                                            .error_code = 0};

// DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT; TSD is kept, but RDTSC works all the same.
constexpr u64 cr4_known = 0x7fc;
constexpr u64 cr0_known = 0xe005003f;
constexpr u32 sysenter_first = msr::sysenter_cs;

constexpr u32 bit(unsigned number) { return u32{1} << number; }

} // namespace

u64 TrapEngine::control_register(unsigned number) {
    switch (number) {
    case 0: return paging_.cr0;
    case 2: return cr2_;
    case 3: return paging_.cr3;
    case 4: return paging_.cr4;
    default: return 0;
    }
}

// Reads the PDPTEs where the processor would.
x86::OrException<> TrapEngine::load_paging(x86::Paging const& wanted, bool cr3) {
    x86::Paging paging = wanted;
    if (paging.mode() == x86::PagingMode::pae) {
        GuestTables tables(memory_);
        auto const entries = x86::load_pdptes(paging.cr3, paging.physical_bits, tables);
        if (!entries) return fail(general_protection);
        paging.pdpte = *entries;
    }
    paging_ = paging;
    if (cr3)
        shadow_.load_cr3(paging_);
    else
        shadow_.set_registers(paging_);
    entered_ = true;
    return {};
}

x86::OrException<> TrapEngine::set_control_register(unsigned number, u64 value) {
    x86::Paging paging = paging_;
    forget_translations();
    switch (number) {
    case 0: {
        bool const impossible =
            (cr0::Paging::get(value) && !cr0::ProtectedMode::get(value)) ||
            (cr0::NotWriteThrough::get(value) && !cr0::CacheDisable::get(value));
        if (impossible) return fail(general_protection);
        paging.cr0 = (value & cr0_known) | cr0::ExtensionType::mask;
        u64 const changed = paging.cr0 ^ paging_.cr0;
        constexpr u64 translation = cr0::Paging::mask | cr0::WriteProtect::mask |
                                    cr0::CacheDisable::mask | cr0::NotWriteThrough::mask;
        if (changed & translation) TRY(load_paging(paging, false));
        paging_.cr0 = paging.cr0;
        update_fpu();
        return {};
    }
    case 2: cr2_ = value & 0xffffffff; return {};
    case 3: paging.cr3 = value & 0xffffffff; return load_paging(paging, true);
    case 4:
        if (value & ~cr4_known) return fail(general_protection);
        paging.cr4 = value;
        return load_paging(paging, false);
    default: return fail(general_protection);
    }
}

void TrapEngine::update_fpu() {
    bool const allowed = (paging_.cr0 & (cr0::TaskSwitched::mask | cr0::Emulation::mask)) == 0;
    if (allowed != fpu_allowed_) thread_.allow_fpu(allowed);
    fpu_allowed_ = allowed;
}

// Breakpoints of the guest are kept, but none of them ever strikes.
u64 TrapEngine::debug_register(unsigned number) { return debug_[number & 7]; }

x86::OrException<> TrapEngine::set_debug_register(unsigned number, u64 value) {
    constexpr u64 dr6_ones = 0xffff0ff0, dr7_ones = 0x400;
    value &= 0xffffffff;
    if (number == 6) value |= dr6_ones;
    if (number == 7) value |= dr7_ones;
    debug_[number & 7] = value;
    return {};
}

std::optional<u64> TrapEngine::read_msr(u32 number) {
    switch (number) {
    case msr::efer: return paging_.efer;
    case msr::pat: return pat_;
    case sysenter_first:
    case sysenter_first + 1:
    case sysenter_first + 2: return sysenter_[number - sysenter_first];
    default: return std::nullopt;
    }
}

bool TrapEngine::write_msr(u32 number, u64 value) {
    switch (number) {
    case msr::efer: {
        if (value & ~efer::NoExecuteEnable::mask) return false;
        x86::Paging paging = paging_;
        paging.efer = value;
        return load_paging(paging, false).has_value();
    }
    case msr::pat: pat_ = value; return true;
    case sysenter_first:
    case sysenter_first + 1:
    case sysenter_first + 2: sysenter_[number - sysenter_first] = value; return true;
    default: return false;
    }
}

void TrapEngine::invalidate_page(u64 linear) {
    forget_translations();
    shadow_.invalidate_page(linear);
}

// What user mode or this engine cannot give to a kernel: system calls by SYSENTER and SYSCALL, long
// mode, and what changes the meaning of the supervisor's mappings.
void TrapEngine::mask_cpuid(u32 leaf, u32 subleaf, CpuidResult& result) {
    constexpr u32 virtual8086 = bit(1), sysenter = bit(11), page_size36 = bit(17);
    constexpr u32 fsgsbase = bit(0), smep = bit(7), smap = bit(20), umip = bit(2), pku = bit(3);
    constexpr u32 pcid = bit(17), x2apic = bit(21);
    constexpr u32 syscall = bit(11), huge_pages = bit(26), rdtscp = bit(27), long_mode = bit(29);
    if (leaf == 1) {
        result.edx &= ~(virtual8086 | sysenter | page_size36);
        result.ecx &= ~(pcid | x2apic);
    } else if (leaf == 7 && subleaf == 0) {
        result.ebx &= ~(fsgsbase | smep | smap);
        result.ecx &= ~(umip | pku);
    } else if (leaf == 0x80000001) {
        result.edx &= ~(syscall | huge_pages | rdtscp | long_mode | page_size36);
    } else if (leaf == 0x80000008) {
        constexpr u32 address_bits = 32 | 32 << 8;
        result.eax = address_bits;
    }
}

} // namespace vmm::trap

// SPDX-License-Identifier: Apache-2.0
// Control, debug and model-specific registers of the guest.
#include "vmm/engine/deprivileged/deprivileged_engine.hpp"
#include "x86/registers.hpp"

namespace vmm {
namespace {

constexpr u32 sysenter_first = msr::sysenter_cs;

constexpr u32 bit(unsigned number) { return u32{1} << number; }

} // namespace

u64 DeprivilegedEngine::control_register(unsigned number) {
    switch (number) {
    case 0: return paging().cr0;
    case 2: return cr2_;
    case 3: return paging().cr3;
    case 4: return paging().cr4;
    default: return 0;
    }
}

void DeprivilegedEngine::use_registers() {
    shadow_.set_registers(paging());
    entered_ = true;
}

x86::OrException<> DeprivilegedEngine::set_control_register(unsigned number, u64 value) {
    forget_translations();
    switch (number) {
    case 0: {
        u64 const before = paging().cr0;
        TRY(registers_.set_cr0(value, false, tables_));
        constexpr u64 translation = cr0::ProtectedMode::mask | cr0::Paging::mask |
                                    cr0::WriteProtect::mask | cr0::CacheDisable::mask |
                                    cr0::NotWriteThrough::mask;
        if ((paging().cr0 ^ before) & translation) use_registers();
        update_fpu();
        return {};
    }
    case 2: cr2_ = value & 0xffffffff; return {};
    case 3:
        TRY(registers_.set_cr3(value, tables_));
        shadow_.load_cr3(paging());
        entered_ = true;
        return {};
    case 4:
        TRY(registers_.set_cr4(value, tables_));
        use_registers();
        return {};
    default: return fail(x86::Exception{x86::vector::general_protection, 0});
    }
}

void DeprivilegedEngine::update_fpu() {
    bool const allowed = (paging().cr0 & (cr0::TaskSwitched::mask | cr0::Emulation::mask)) == 0;
    if (allowed != fpu_allowed_) thread_.allow_fpu(allowed);
    fpu_allowed_ = allowed;
}

// Breakpoints of the guest are kept, but none of them ever strikes.
u64 DeprivilegedEngine::debug_register(unsigned number) { return debug_[number & 7]; }

x86::OrException<> DeprivilegedEngine::set_debug_register(unsigned number, u64 value) {
    constexpr u64 dr6_ones = 0xffff0ff0, dr7_ones = 0x400;
    value &= 0xffffffff;
    if (number == 6) value |= dr6_ones;
    if (number == 7) value |= dr7_ones;
    debug_[number & 7] = value;
    return {};
}

std::optional<u64> DeprivilegedEngine::read_msr(u32 number) {
    switch (number) {
    case msr::efer: return paging().efer;
    case msr::pat: return pat_;
    case sysenter_first:
    case sysenter_first + 1:
    case sysenter_first + 2: return sysenter_[number - sysenter_first];
    default: return std::nullopt;
    }
}

bool DeprivilegedEngine::write_msr(u32 number, u64 value) {
    switch (number) {
    case msr::efer:
        if (!registers_.set_efer(value)) return false;
        use_registers();
        return true;
    case msr::pat: pat_ = value; return true;
    case sysenter_first:
    case sysenter_first + 1:
    case sysenter_first + 2: sysenter_[number - sysenter_first] = value; return true;
    default: return false;
    }
}

void DeprivilegedEngine::invalidate_page(u64 linear) {
    forget_translations();
    shadow_.invalidate_page(linear);
}

// What user mode or these engines cannot give to a kernel: system calls by SYSENTER and SYSCALL,
// long mode, and what changes the meaning of the supervisor's mappings.
void DeprivilegedEngine::mask_cpuid(u32 leaf, u32 subleaf, CpuidResult& result) {
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

} // namespace vmm

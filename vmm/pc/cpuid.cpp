// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/cpuid.hpp"

#include <cpuid.h>

namespace vmm {
namespace {

// Bits by their names in the processor manuals. What is not listed the guest does not see: above
// all virtualisation itself, XSAVE and with it AVX (the guest's vector state is what FXSAVE keeps),
// MTRR and machine checks (many MSR exits, nothing gained), PCID, MONITOR, performance counters.
constexpr u32 bit(unsigned number) { return u32{1} << number; }

constexpr u32 leaf1_ecx = bit(0) | bit(1) | bit(9)                 // SSE3, PCLMULQDQ, SSSE3
                          | bit(13) | bit(19) | bit(20)            // CMPXCHG16B, SSE4.1, SSE4.2
                          | bit(22) | bit(23) | bit(25) | bit(30); // MOVBE, POPCNT, AES, RDRAND
constexpr u32 leaf1_ecx_ours =
    bit(21) | bit(24) | bit(31); // x2APIC, TSC deadline, hypervisor present
constexpr u32 leaf1_edx =
    bit(0) | bit(2) | bit(3) | bit(4) | bit(5) | bit(6)        // FPU, DE, PSE, TSC, MSR, PAE
    | bit(8) | bit(11) | bit(13) | bit(15) | bit(16) | bit(17) // CX8, SEP, PGE, CMOV, PAT, PSE36
    | bit(19) | bit(23) | bit(24) | bit(25) | bit(26);         // CLFSH, MMX, FXSR, SSE, SSE2
constexpr u32 leaf1_edx_ours = bit(9);                         // APIC
constexpr u32 leaf1_ebx_brand_and_flush = 0xffff;              // one processor, APIC id 0
constexpr u32 arat_leaf = 6; // EAX bit 2: the APIC timer runs always
constexpr u32 leaf7_ebx = bit(0) | bit(3) | bit(7) | bit(8) |
                          bit(9) // FSGSBASE, BMI1, SMEP, BMI2, ERMS
                          | bit(18) | bit(19) | bit(20) | bit(23); // RDSEED, ADX, SMAP, CLFLUSHOPT
constexpr u32 extended1_ecx = bit(0) | bit(5) | bit(8);            // LAHF, LZCNT, 3DNOW prefetch
constexpr u32 extended1_edx_amd_copies = 0x0183f3ff; // AMD repeats these bits of leaf 1
constexpr u32 extended1_edx =
    bit(11) | bit(20) | bit(26) | bit(29); // SYSCALL, NX, 1 GiB pages, long mode
constexpr u32 invariant_tsc = bit(8);

constexpr u32 max_basic_leaf = 7;
constexpr u32 extended_leaf = 0x80000000;
constexpr u32 max_extended_leaf = 0x80000008;

constexpr u32 hypervisor_leaf = 0x40000000;
constexpr u32 hypervisor_features_leaf = 0x40000001;
constexpr u32 kvm_no_io_delay = bit(1);
constexpr u32 kvm_clock_source = bit(3);
constexpr u32 kvm_end_of_interrupt = bit(6);
constexpr u32 kvm_clock_stable = bit(24);

CpuidResult basic(u32 leaf, u32 subleaf, CpuidSource host) {
    CpuidResult const real = host(leaf, subleaf);
    switch (leaf) {
    case 0:
        return {real.eax < max_basic_leaf ? real.eax : max_basic_leaf, real.ebx, real.ecx,
                real.edx};
    case 1:
        return {real.eax, real.ebx & leaf1_ebx_brand_and_flush,
                (real.ecx & leaf1_ecx) | leaf1_ecx_ours, (real.edx & leaf1_edx) | leaf1_edx_ours};
    case arat_leaf: return {bit(2), 0, 0, 0};
    case 7: return subleaf == 0 ? CpuidResult{0, real.ebx & leaf7_ebx, 0, 0} : CpuidResult{};
    default: return {}; // 2 and 4 describe caches on Intel, 3 and 5 nothing that the guest has
    }
}

CpuidResult extended(u32 leaf, u32 subleaf, CpuidSource host) {
    CpuidResult const real = host(leaf, subleaf);
    switch (leaf) {
    case 0x80000000:
        return {real.eax < max_extended_leaf ? real.eax : max_extended_leaf, real.ebx, real.ecx,
                real.edx};
    case 0x80000001:
        return {real.eax, 0, real.ecx & extended1_ecx,
                real.edx & (extended1_edx | (extended1_edx_amd_copies & leaf1_edx))};
    case 0x80000007: return {0, 0, 0, invariant_tsc};
    case 0x80000008: return {real.eax & 0xffff, 0, 0, 0};
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: // brand
    case 0x80000005:
    case 0x80000006: return real; // caches
    default: return {};
    }
}

} // namespace

CpuidResult host_cpuid(u32 leaf, u32 subleaf) {
    CpuidResult result{};
    __cpuid_count(leaf, subleaf, result.eax, result.ebx, result.ecx, result.edx);
    return result;
}

CpuidResult guest_cpuid(u32 leaf, u32 subleaf, CpuidSource host) {
    if (leaf == hypervisor_leaf) // "KVMKVMKVM\0\0\0"
        return {hypervisor_features_leaf, 0x4b4d564b, 0x564b4d56, 0x0000004d};
    if (leaf == hypervisor_features_leaf)
        return {kvm_no_io_delay | kvm_clock_source | kvm_end_of_interrupt | kvm_clock_stable, 0, 0,
                0};
    if (leaf >= extended_leaf && leaf <= max_extended_leaf) return extended(leaf, subleaf, host);
    if (leaf <= max_basic_leaf) return basic(leaf, subleaf, host);
    return {};
}

u8 guest_physical_bits(CpuidSource host) {
    constexpr u8 without_the_leaf = 36;
    if (guest_cpuid(extended_leaf, 0, host).eax < max_extended_leaf) return without_the_leaf;
    return static_cast<u8>(guest_cpuid(max_extended_leaf, 0, host).eax);
}

} // namespace vmm

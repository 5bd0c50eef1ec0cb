// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/cpuid.hpp"

#include "base/gtest.hpp"

namespace vmm {
namespace {

CpuidResult everything(u32 leaf, u32) {
    if (leaf == 0) return {0x20, 1, 2, 3};
    if (leaf == 0x80000000) return {0x80000021, 1, 2, 3};
    return {~u32{0}, ~u32{0}, ~u32{0}, ~u32{0}};
}
CpuidResult nothing(u32, u32) { return {}; }

TEST(Cpuid, HidesWhatTheMonitorCannotKeep) {
    auto const leaf1 = guest_cpuid(1, 0, everything);
    EXPECT_EQ(leaf1.ecx & (1u << 26 | 1u << 27 | 1u << 28 | 1u << 5 | 1u << 3 | 1u << 17),
              0u);                                              // XSAVE, AVX, VMX, MONITOR, PCID
    EXPECT_EQ(leaf1.edx & (1u << 7 | 1u << 12 | 1u << 14), 0u); // MCE, MTRR, MCA
    EXPECT_EQ(leaf1.ebx >> 16, 0u);                             // one processor, id 0
    EXPECT_EQ(guest_cpuid(0x80000001, 0, everything).ecx & 1u << 2, 0u);  // SVM
    EXPECT_EQ(guest_cpuid(0x80000001, 0, everything).edx & 1u << 27, 0u); // RDTSCP
    EXPECT_EQ(guest_cpuid(7, 0, everything).ebx & (1u << 5 | 1u << 10 | 1u << 16),
              0u);                                    // AVX2, INVPCID, AVX512F
    EXPECT_EQ(guest_cpuid(7, 0, everything).ecx, 0u); // 5-level paging, UMIP, ...
    EXPECT_EQ(guest_cpuid(0x8000000a, 0, everything), CpuidResult{});
    EXPECT_EQ(guest_cpuid(0xd, 0, everything), CpuidResult{});
}

TEST(Cpuid, LimitsTheLeaves) {
    EXPECT_EQ(guest_cpuid(0, 0, everything).eax, 7u);
    EXPECT_EQ(guest_cpuid(0x80000000, 0, everything).eax, 0x80000008);
    EXPECT_EQ(guest_cpuid(0x40000002, 0, everything), CpuidResult{});
}

TEST(Cpuid, OffersNothingThatTheProcessorLacksExceptWhatTheMonitorAdds) {
    auto const leaf1 = guest_cpuid(1, 0, nothing);
    EXPECT_EQ(leaf1.ecx, 1u << 21 | 1u << 24 | 1u << 31);
    EXPECT_EQ(leaf1.edx, 1u << 9);
    EXPECT_EQ(guest_cpuid(7, 0, nothing).ebx, 0u);
    EXPECT_EQ(guest_cpuid(0x80000001, 0, nothing).edx, 0u);
}

TEST(Cpuid, PresentsTheParavirtualClockAndEndOfInterrupt) {
    auto const leaf = guest_cpuid(0x40000000, 0, nothing);
    u32 const signature[3] = {leaf.ebx, leaf.ecx, leaf.edx};
    EXPECT_STREQ(reinterpret_cast<char const*>(signature), "KVMKVMKVM");
    EXPECT_EQ(leaf.eax, 0x40000001u);
    EXPECT_EQ(guest_cpuid(0x40000001, 0, nothing).eax, 1u << 1 | 1u << 3 | 1u << 6 | 1u << 24);
}

} // namespace
} // namespace vmm

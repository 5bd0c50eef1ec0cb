// SPDX-License-Identifier: Apache-2.0
#include "vmm/engine/hardware/control_registers.hpp"

#include "base/gtest.hpp"

#include <map>

namespace vmm {
namespace {

constexpr u64 protected_mode = 0x11, paging = 0x80000000, pae = 0x20;
constexpr u64 long_enable = 0x100, long_active = 0x400, no_execute = 0x800;

struct Memory : x86::TableMemory {
    u64 read_entry(GuestPhys at, unsigned) override { return entries[at.value]; }
    void write_entry(GuestPhys, unsigned, u64) override {}
    std::map<u64, u64> entries;
};

struct World {
    ControlRegisters registers{40, ControlRegisters::all};
    Memory memory;
    x86::PagingMode mode() const { return registers.paging().mode(); }
};

TEST(ControlRegisters, LongModeBeginsWithPaging) {
    World world;
    world.registers.reset(protected_mode, 0, 0, 0);
    ASSERT_TRUE(world.registers.set_efer(long_enable));
    EXPECT_FALSE(world.registers.set_cr0(protected_mode | paging, false, world.memory)); // no PAE
    ASSERT_TRUE(world.registers.set_cr4(pae, world.memory));
    ASSERT_TRUE(world.registers.set_cr0(protected_mode | paging, false, world.memory));
    EXPECT_EQ(world.mode(), x86::PagingMode::four_level);
    EXPECT_EQ(world.registers.paging().efer, long_enable | long_active);
    EXPECT_FALSE(world.registers.set_efer(0));              // not while paging
    EXPECT_FALSE(world.registers.set_cr4(0, world.memory)); // PAE stays
    EXPECT_FALSE(
        world.registers.set_cr0(protected_mode, true, world.memory)); // not from 64-bit code
    ASSERT_TRUE(world.registers.set_efer(long_enable | no_execute));  // LMA is the processor's own
    EXPECT_EQ(world.registers.paging().efer, long_enable | long_active | no_execute);
    ASSERT_TRUE(world.registers.set_cr0(protected_mode, false, world.memory));
    EXPECT_EQ(world.registers.paging().efer, long_enable | no_execute);
    EXPECT_EQ(world.mode(), x86::PagingMode::unpaged);
}

struct Refused {
    char const* what;
    u64 cr0, cr3, cr4, efer; // what is wanted; 0: not written
};
class RefusedRegisters : public testing::TestWithParam<Refused> {};
TEST_P(RefusedRegisters, RaiseAProtectionFaultAndChangeNothing) {
    World world;
    world.registers.reset(protected_mode | paging, 0x1000, pae, long_enable | long_active);
    auto const before = world.registers.paging();
    Refused const& wanted = GetParam();
    x86::OrException<> result;
    if (wanted.cr0) result = world.registers.set_cr0(wanted.cr0, false, world.memory);
    if (wanted.cr3) result = world.registers.set_cr3(wanted.cr3, world.memory);
    if (wanted.cr4) result = world.registers.set_cr4(wanted.cr4, world.memory);
    if (wanted.efer) result = world.registers.set_efer(wanted.efer);
    ASSERT_FALSE(result) << wanted.what;
    EXPECT_EQ(result.error().vector, 13);
    EXPECT_EQ(result.error().error_code, 0u);
    EXPECT_EQ(world.registers.paging().cr0, before.cr0);
    EXPECT_EQ(world.registers.paging().cr3, before.cr3);
    EXPECT_EQ(world.registers.paging().cr4, before.cr4);
    EXPECT_EQ(world.registers.paging().efer, before.efer);
}
INSTANTIATE_TEST_SUITE_P(
    All, RefusedRegisters,
    testing::Values(Refused{"upper half of CR0", u64{1} << 32 | protected_mode | paging, 0, 0, 0},
                    Refused{"paging without protection", paging, 0, 0, 0},
                    Refused{"NW without CD", protected_mode | paging | 1 << 29, 0, 0, 0},
                    Refused{"CR3 above MAXPHYADDR", 0, u64{1} << 40, 0, 0},
                    Refused{"PCID", 0, 0, pae | 1 << 17, 0},
                    Refused{"OSXSAVE", 0, 0, pae | 1 << 18, 0},
                    Refused{"an unknown bit of EFER", 0, 0, 0, long_enable | 1 << 12},
                    Refused{"no long mode while paging", 0, 0, 0, no_execute}));

TEST(ControlRegisters, PaeLoadsItsPdptesWithCr3AndRefusesBadOnes) {
    World world;
    world.registers.reset(protected_mode, 0x1020, pae, 0);
    world.memory.entries = {{0x1020, 0x2001}, {0x3028, 0x2007}}; // bits 2:1 are reserved
    ASSERT_TRUE(world.registers.set_cr0(protected_mode | paging, false, world.memory));
    EXPECT_EQ(world.registers.paging().pdpte[0], 0x2001u);
    EXPECT_FALSE(world.registers.set_cr3(0x3020, world.memory));
    EXPECT_EQ(world.registers.paging().cr3, 0x1020u);
    world.memory.entries[0x1020] = 0;
    ASSERT_TRUE(world.registers.set_cr0(protected_mode | paging | 1 << 16, false, world.memory));
    EXPECT_EQ(world.registers.paging().pdpte[0], 0x2001u); // WP loads nothing
    ASSERT_TRUE(world.registers.set_cr3(0x1020, world.memory));
    EXPECT_EQ(world.registers.paging().pdpte[0], 0u);
    world.memory.entries[0x1020] = 0x4001;
    ASSERT_TRUE(world.registers.set_cr0(protected_mode | paging | 1 << 30, false, world.memory));
    EXPECT_EQ(world.registers.paging().pdpte[0], 0x4001u); // CD does
}

TEST(ControlRegisters, AProcessorHasOnlyTheBitsThatItKnows) {
    ControlRegisters registers(32, {.cr0 = 0xe005003f, .cr4 = pae, .efer = no_execute});
    Memory memory;
    registers.reset(protected_mode, 0, 0, 0);
    ASSERT_TRUE(registers.set_cr0(protected_mode | 1 << 12, false, memory));
    EXPECT_EQ(registers.paging().cr0, protected_mode);
    EXPECT_FALSE(registers.set_cr4(1 << 3, memory)); // DE
    EXPECT_FALSE(registers.set_efer(long_enable));
    EXPECT_TRUE(registers.set_efer(no_execute));
}

} // namespace
} // namespace vmm

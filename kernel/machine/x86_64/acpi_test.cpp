// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/acpi.hpp"

#include <gtest/gtest.h>

#include "kernel/machine/x86_64/fake_firmware.hpp"

namespace {

constexpr u64 rsdp = 0xf5000, rsdt = 0x1f0000, madt = 0x1f1000;
constexpr u32 madt_bytes = 44 + 8 + 12;

// A board with an RSDP of revision 0, an RSDT with one entry and a MADT with one processor and one I/O APIC at 0xfec00000.
struct AcpiTest : testing::Test {
    FakeFirmware firmware;

    AcpiTest() {
        firmware.put_text(rsdp, "RSD PTR ");
        firmware.put<u32>(rsdp + 16, rsdt);
        firmware.set_checksum(rsdp, 20, rsdp + 8);
        firmware.put_text(rsdt, "RSDT");
        firmware.put<u32>(rsdt + 4, 40);
        firmware.put<u32>(rsdt + 36, madt);
        firmware.set_checksum(rsdt, 40, rsdt + 9);
        firmware.put_text(madt, "APIC");
        firmware.put<u32>(madt + 4, madt_bytes);
        firmware.put<u8>(madt + 44, 0); // processor
        firmware.put<u8>(madt + 45, 8);
        firmware.put<u8>(madt + 52, 1); // I/O APIC
        firmware.put<u8>(madt + 53, 12);
        firmware.put<u32>(madt + 56, 0xfec00000);
        seal_madt();
    }
    void seal_madt() { firmware.set_checksum(madt, madt_bytes, madt + 9); }
};

TEST_F(AcpiTest, FindsTheIoApicOfTheMadt) {
    auto const acpi = machine::read_acpi();
    EXPECT_TRUE(acpi.has_rsdp);
    ASSERT_EQ(acpi.io_apics.size(), 1u);
    EXPECT_EQ(acpi.io_apics[0].value, 0xfec00000u);
    EXPECT_EQ(firmware.console(), "");
}

TEST_F(AcpiTest, CopiesAnOldRootPointerPaddedWithZeros) {
    firmware.put<u64>(rsdp + 20, ~u64{0}); // not a part of it
    auto const acpi = machine::read_acpi();
    EXPECT_EQ(std::memcmp(acpi.rsdp, "RSD PTR ", 8), 0);
    EXPECT_EQ(acpi.rsdp[20], 0);
}

TEST_F(AcpiTest, PrefersTheXsdt) {
    constexpr u64 xsdt = 0x1f4000;
    firmware.put<u8>(rsdp + 15, 2);
    firmware.put<u64>(rsdp + 24, xsdt);
    firmware.set_checksum(rsdp, 20, rsdp + 8);
    firmware.put_text(xsdt, "XSDT");
    firmware.put<u32>(xsdt + 4, 44);
    firmware.put<u64>(xsdt + 36, madt);
    firmware.set_checksum(xsdt, 44, xsdt + 9);
    firmware.put_text(rsdt, "GONE");
    EXPECT_EQ(machine::read_acpi().io_apics.size(), 1u);
}

TEST_F(AcpiTest, SaysThatThereIsNoRootPointer) {
    firmware.put_text(rsdp, "RSD XXX ");
    EXPECT_FALSE(machine::read_acpi().has_rsdp);
    EXPECT_EQ(firmware.console(), "ACPI: no root pointer in the BIOS area\n");
}

TEST_F(AcpiTest, IgnoresATableWithAWrongChecksum) {
    firmware.put<u8>(madt + 10, 99);
    EXPECT_TRUE(machine::read_acpi().io_apics.empty());
    EXPECT_NE(firmware.console().find("the table APIC at 0x1f1000 is damaged"), std::string::npos);
}

TEST_F(AcpiTest, IgnoresATableThatEndsBeyondTheWindow) {
    firmware.put<u32>(madt + 4, 0xffffffff);
    EXPECT_TRUE(machine::read_acpi().io_apics.empty());
    EXPECT_NE(firmware.console().find("damaged"), std::string::npos);
}

TEST_F(AcpiTest, IgnoresARootTableShorterThanItsHeader) {
    firmware.put<u32>(rsdt + 4, 8);
    EXPECT_TRUE(machine::read_acpi().io_apics.empty());
}

TEST_F(AcpiTest, StopsAtAnEntryOfLengthZero) {
    firmware.put<u8>(madt + 45, 0);
    seal_madt();
    EXPECT_TRUE(machine::read_acpi().io_apics.empty());
    EXPECT_NE(firmware.console().find("an entry of length 0 at byte 44"), std::string::npos);
}

TEST_F(AcpiTest, StopsAtAnEntryThatLeavesTheTable) {
    firmware.put<u8>(madt + 53, 13);
    seal_madt();
    EXPECT_TRUE(machine::read_acpi().io_apics.empty());
}

TEST_F(AcpiTest, IgnoresAnUnalignedIoApic) {
    firmware.put<u32>(madt + 56, 0xfec00010);
    seal_madt();
    EXPECT_TRUE(machine::read_acpi().io_apics.empty());
    EXPECT_NE(firmware.console().find("unaligned"), std::string::npos);
}

} // namespace

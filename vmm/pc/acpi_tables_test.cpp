// SPDX-License-Identifier: Apache-2.0
// The bytes of these tables were also given to `iasl -d`, which disassembles them without a
// complaint; TESSERA_DUMP_ACPI=FILE makes the last test write them out for such a check.
#include "vmm/pc/acpi_tables.hpp"

#include "base/gtest.hpp"
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>

#include "vmm/pc/memory_map.hpp"

namespace vmm {
namespace {

class Tables {
public:
    u8 sum(u64 at, u64 size) const {
        return static_cast<u8>(std::accumulate(&bytes_[at - base], &bytes_[at - base] + size, 0));
    }
    template <class T> T get(u64 at) const {
        T value;
        std::memcpy(&value, &bytes_.at(at - base), sizeof(T));
        return value;
    }
    std::string signature(u64 at) const {
        return {reinterpret_cast<char const*>(&bytes_.at(at - base)), 4};
    }
    u64 xsdt() const { return get<u64>(base + 24); }
    u64 entry(unsigned index) const { return get<u64>(xsdt() + 36 + 8 * index); }
    static constexpr u64 base = acpi_at.value;
    std::vector<u8> bytes_ = acpi_tables(acpi_at);
};

TEST(AcpiTables, EveryTableIsReachableAndItsChecksumRight) {
    Tables const tables;
    EXPECT_EQ(std::memcmp(tables.bytes_.data(), "RSD PTR ", 8), 0);
    EXPECT_EQ(tables.sum(tables.base, 20), 0);
    EXPECT_EQ(tables.sum(tables.base, 36), 0);
    u64 const dsdt = tables.get<u64>(tables.entry(0) + 140);
    EXPECT_EQ(tables.signature(tables.xsdt()), "XSDT");
    EXPECT_EQ(tables.signature(tables.entry(0)), "FACP");
    EXPECT_EQ(tables.signature(tables.entry(1)), "APIC");
    EXPECT_EQ(tables.signature(dsdt), "DSDT");
    for (u64 at : {tables.xsdt(), tables.entry(0), tables.entry(1), dsdt})
        EXPECT_EQ(tables.sum(at, tables.get<u32>(at + 4)), 0) << tables.signature(at);
    EXPECT_LE(tables.bytes_.size(), max_acpi_size);
}

TEST(AcpiTables, PlatformIsHardwareReducedWithSleepAndResetRegisters) {
    Tables const tables;
    u64 const fadt = tables.entry(0);
    EXPECT_NE(tables.get<u32>(fadt + 112) & 1 << 20, 0u);
    EXPECT_NE(tables.get<u32>(fadt + 112) & 1 << 10, 0u);
    EXPECT_EQ(tables.get<u16>(fadt + 109) & 0x23,
              0x20); // no legacy devices, no 8042, no CMOS clock
    EXPECT_EQ(tables.get<u64>(fadt + 116 + 4), reset_port);
    EXPECT_EQ(tables.get<u8>(fadt + 128), reset_value);
    EXPECT_EQ(tables.get<u64>(fadt + 244 + 4), sleep_control_port);
    EXPECT_EQ(tables.get<u64>(fadt + 256 + 4), sleep_status_port);
}

TEST(AcpiTables, CanBeWrittenOutForADisassembler) {
    Tables const tables;
    if (char const* const file = std::getenv("TESSERA_DUMP_ACPI")) {
        for (auto [suffix, at] : {std::pair{"dsdt", tables.get<u64>(tables.entry(0) + 140)},
                                  {"facp", tables.entry(0)},
                                  {"apic", tables.entry(1)},
                                  {"xsdt", tables.xsdt()}}) {
            std::ofstream out(std::string(file) + "." + suffix, std::ios::binary);
            out.write(reinterpret_cast<char const*>(&tables.bytes_[at - tables.base]),
                      tables.get<u32>(at + 4));
            EXPECT_TRUE(out.good());
        }
    }
    u64 const dsdt = tables.get<u64>(tables.entry(0) + 140);
    std::string const text(tables.bytes_.begin() + static_cast<std::ptrdiff_t>(dsdt - tables.base),
                           tables.bytes_.end());
    EXPECT_NE(text.find("COM1"), std::string::npos);
}

} // namespace
} // namespace vmm

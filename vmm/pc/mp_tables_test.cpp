// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/mp_tables.hpp"

#include "base/gtest.hpp"
#include <cstring>
#include <numeric>
#include <string>

#include "vmm/pc/io_apic.hpp"
#include "vmm/pc/memory_map.hpp"

namespace vmm {
namespace {

class MpTables : public testing::Test {
protected:
    template <class T> T get(u64 at) const {
        T value;
        std::memcpy(&value, &bytes_.at(at - mp_at.value), sizeof(T));
        return value;
    }
    std::string text(u64 at, std::size_t size) const {
        return {reinterpret_cast<char const*>(&bytes_.at(at - mp_at.value)), size};
    }
    int sum(u64 at, u64 size) const {
        auto const from = bytes_.begin() + static_cast<std::ptrdiff_t>(at - mp_at.value);
        return std::accumulate(from, from + static_cast<std::ptrdiff_t>(size), 0) & 0xff;
    }
    std::vector<u8> const bytes_ = mp_tables(mp_at);
    u64 const table_ = get<u32>(mp_at.value + 4);
};

TEST_F(MpTables, TheFloatingPointerIsWhereKernelsLook) {
    EXPECT_EQ(mp_at.value % 16, 0u);
    EXPECT_GE(mp_at.value, 0xf0000u);
    EXPECT_LE(mp_at.value + bytes_.size(), reset_vector_at.value);
    EXPECT_EQ(text(mp_at.value, 4), "_MP_");
    EXPECT_EQ(get<u8>(mp_at.value + 8), 1); // one paragraph
    EXPECT_EQ(get<u8>(mp_at.value + 9), 4); // 1.4
    EXPECT_EQ(sum(mp_at.value, 16), 0);
}

// Entries are in ascending order of type, each of the length that its type has.
TEST_F(MpTables, TheTableNamesOneProcessorAndTheIoApicWithCom1) {
    EXPECT_EQ(text(table_, 4), "PCMP");
    u16 const bytes = get<u16>(table_ + 4);
    EXPECT_EQ(table_ + bytes, mp_at.value + bytes_.size());
    EXPECT_EQ(sum(table_, bytes), 0);
    EXPECT_EQ(get<u32>(table_ + 36), local_apic_at.value);
    std::vector<u8> types;
    for (u64 at = table_ + 44; at < table_ + bytes; at += types.back() == 0 ? 20 : 8)
        types.push_back(get<u8>(at));
    EXPECT_EQ(types, (std::vector<u8>{0, 1, 2, 3}));
    EXPECT_EQ(get<u16>(table_ + 34), types.size());
    u64 const processor = table_ + 44, io_apic = processor + 28, interrupt = io_apic + 8;
    EXPECT_EQ(get<u8>(processor + 3), 3); // enabled, boots the machine
    EXPECT_EQ(get<u32>(io_apic + 4), io_apic_at.value);
    EXPECT_EQ(get<u8>(interrupt + 5), com1_interrupt);
    EXPECT_EQ(get<u8>(interrupt + 6), get<u8>(io_apic + 1));
    EXPECT_LT(get<u8>(interrupt + 7), IoApic::pins);
}

} // namespace
} // namespace vmm

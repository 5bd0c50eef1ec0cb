// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/aml.hpp"

#include "base/gtest.hpp"

namespace vmm::aml {
namespace {

TEST(Aml, IntegersUseTheShortestForm) {
    EXPECT_EQ(integer(0), Bytes({0x00}));
    EXPECT_EQ(integer(1), Bytes({0x01}));
    EXPECT_EQ(integer(5), Bytes({0x0a, 5}));
    EXPECT_EQ(integer(0x3f8), Bytes({0x0b, 0xf8, 0x03}));
    EXPECT_EQ(integer(0xfec00000), Bytes({0x0c, 0, 0, 0xc0, 0xfe}));
}

TEST(Aml, EisaIdentifiersAreCompressed) {
    EXPECT_EQ(eisa_id("PNP0501"), Bytes({0x0c, 0x41, 0xd0, 0x05, 0x01}));
}

TEST(Aml, SleepPackageHasTheBytesThatACompilerMakes) {
    EXPECT_EQ(name("\\_S5_", package({integer(5), integer(5)})),
              Bytes({0x08, '\\', '_', 'S', '5', '_', 0x12, 6, 2, 0x0a, 5, 0x0a, 5}));
}

TEST(Aml, LongBodiesHaveTwoLengthBytes) {
    auto const bytes = scope("\\_SB_", Bytes(100, 0xa3));
    EXPECT_EQ(bytes.size(), 1 + 2 + 5 + 100u);
    EXPECT_EQ(bytes[1], 0x40 | (107 & 0xf));
    EXPECT_EQ(bytes[2], 107 >> 4);
}

TEST(Aml, PathsOfTwoNamesHaveAPrefix) {
    EXPECT_EQ(path("\\_SB_.COM1"), Bytes({'\\', 0x2e, '_', 'S', 'B', '_', 'C', 'O', 'M', '1'}));
}

} // namespace
} // namespace vmm::aml

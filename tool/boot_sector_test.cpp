// SPDX-License-Identifier: Apache-2.0
#include "tool/boot_sector.hpp"

#include "base/gtest.hpp"

namespace {

std::string flaw(std::vector<u8> const& bytes) {
    auto const checked = check_boot_sector(bytes);
    return checked ? "" : checked.error().what;
}

TEST(BootSectorFile, NeedsItsSignatureAndFits) {
    std::vector<u8> file(512);
    EXPECT_EQ(flaw(file), "is no boot sector: 55 aa do not stand at its byte 510");
    file[510] = 0x55;
    file[511] = 0xaa;
    EXPECT_EQ(flaw(file), "");
    file.insert(file.end(), 32768 - 512, 0);
    EXPECT_EQ(flaw(file), "");
    file.push_back(0);
    EXPECT_EQ(flaw(file), "has 32769 bytes, more than a boot sector and what follows it may have");
    EXPECT_EQ(flaw({}), "is no boot sector: 55 aa do not stand at its byte 510");
}

} // namespace

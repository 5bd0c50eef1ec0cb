// SPDX-License-Identifier: Apache-2.0
#include "tool/bzimage.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace {

// 1 + 1 setup sectors and 0x100 * 16 bytes of system.
std::vector<u8> image() {
    std::vector<u8> bytes(1024 + 4096);
    bytes[0x1f1] = 1;
    bytes[0x1f5] = 1; // 0x100 paragraphs
    bytes[0x1fe] = 0x55;
    bytes[0x1ff] = 0xaa;
    for (std::size_t i = 0; i < 4; ++i) bytes[0x202 + i] = static_cast<u8>("HdrS"[i]);
    bytes[0x206] = 0x0f;
    bytes[0x207] = 0x02;
    bytes[0x236] = 0x01;
    bytes[0x262] = 0x50; // init_size 0x500000
    return bytes;
}

std::string flaw(std::vector<u8> const& bytes) {
    auto const result = check_bzimage(bytes);
    return result ? "" : result.error().what;
}

} // namespace

TEST(BzImage, AKernelIsAccepted) {
    auto const kernel = check_bzimage(image());
    ASSERT_TRUE(kernel);
    EXPECT_EQ(kernel->run_size, 0x500000U);
    EXPECT_TRUE(kernel->has_64_bit_entry);
}

TEST(BzImage, AKernelWithoutA64BitEntryIsOneOf32Bits) {
    auto bytes = image();
    bytes[0x236] = 0;
    auto const kernel = check_bzimage(bytes);
    ASSERT_TRUE(kernel);
    EXPECT_FALSE(kernel->has_64_bit_entry);
}

TEST(BzImage, EachFlawIsNamed) {
    EXPECT_EQ(flaw({}), "is no bzImage");
    auto bytes = image();
    bytes[0x202] = 'X';
    EXPECT_EQ(flaw(bytes), "is no bzImage");
    bytes = image();
    bytes[0x206] = 0x0b;
    EXPECT_EQ(flaw(bytes), "speaks boot protocol 2.11, older than 2.12");
    bytes = image();
    bytes.erase(bytes.end() - 15, bytes.end());
    EXPECT_TRUE(check_bzimage(bytes)) << "it may end within the last 16 bytes";
    bytes.pop_back();
    EXPECT_EQ(flaw(bytes), "is truncated: it has 5104 bytes of 5120");
}

TEST(BzImage, NoSetupSectorsMeansFour) {
    auto bytes = image();
    bytes[0x1f1] = 0;
    EXPECT_EQ(flaw(bytes), "is truncated: it has 5120 bytes of 6656");
}

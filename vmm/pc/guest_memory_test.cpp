// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/guest_memory.hpp"

#include "base/gtest.hpp"
#include <vector>

namespace vmm {
namespace {

TEST(GuestMemory, ReadsWhatWasWritten) {
    std::vector<u8> ram(4096);
    GuestMemory memory(ram);
    EXPECT_TRUE(memory.write(GuestPhys{4088}, u64{0x1122334455667788}));
    EXPECT_EQ(memory.read<u64>(GuestPhys{4088}), 0x1122334455667788);
}

TEST(GuestMemory, RefusesWhatDoesNotLieInRamEntirely) {
    std::vector<u8> ram(4096);
    GuestMemory memory(ram);
    EXPECT_FALSE(memory.write(GuestPhys{4089}, u64{1}));
    EXPECT_FALSE(memory.read<u8>(GuestPhys{4096}));
    EXPECT_FALSE(memory.read<u64>(GuestPhys{~u64{0} - 3})); // address + size wraps
    EXPECT_TRUE(memory.bytes(GuestPhys{1}, ~u64{0}).empty());
    EXPECT_EQ(memory.bytes(GuestPhys{0}, 4096).size(), 4096u);
}

} // namespace
} // namespace vmm

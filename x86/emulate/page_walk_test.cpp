// SPDX-License-Identifier: Apache-2.0
#include "x86/emulate/page_walk.hpp"

#include "base/gtest.hpp"
#include <map>

namespace x86 {
namespace {

struct Tables {
    std::optional<GuestPhys> walk(u64 linear) {
        return x86::walk(0x1000 | 0x18, linear, [&](GuestPhys at) -> std::optional<u64> {
            if (at.value >= 0x100000) return std::nullopt;
            return entries[at.value];
        });
    }
    std::map<u64, u64> entries{
        {0x1000 + 8 * 511, 0x2003},                    // PML4
        {0x2000 + 8 * 510, 0x3003},                    // PDPT
        {0x2000 + 8 * 1, 0x80000083},                  // 1 GiB page
        {0x3000 + 8 * 3, 0x4003},                      // directory
        {0x3000 + 8 * 4, 0x00600083 | u64{1} << 63},   // 2 MiB page
        {0x3000 + 8 * 5, 0x200003},                    // table outside RAM
        {0x4000 + 8 * 7, 0xfec00003 | u64{0x7} << 52}, // 4 KiB page, ignored bits set
        {0x4000 + 8 * 8, 0xfec00002},                  // not present
    };
};
constexpr u64 base = 0xffffffff80000000;

TEST(PageWalk, FindsPagesOfAllThreeSizes) {
    Tables tables;
    EXPECT_EQ(tables.walk(base + (3 << 21) + (7 << 12) + 0x10), GuestPhys{0xfec00010});
    EXPECT_EQ(tables.walk(base + (4 << 21) + 0x12345), GuestPhys{0x612345});
    EXPECT_EQ(tables.walk(0xffffff8040000000 + 0x3456789), GuestPhys{0x83456789});
}

TEST(PageWalk, ReportsWhatIsNotMappedOrLiesOutsideRam) {
    Tables tables;
    EXPECT_FALSE(tables.walk(0));
    EXPECT_FALSE(tables.walk(base + (3 << 21) + (8 << 12)));
    EXPECT_FALSE(tables.walk(base + (5 << 21)));
}

} // namespace
} // namespace x86

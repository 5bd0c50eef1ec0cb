// SPDX-License-Identifier: Apache-2.0
// ABI 3.5.
#include "kernel/boot/untyped_list.hpp"

#include "base/gtest.hpp"

#include <vector>

namespace {

using Piece = std::pair<u64, unsigned>;
std::vector<Piece> pieces(UntypedList const& list) {
    std::vector<Piece> result;
    for (UntypedPiece const& piece : list) result.push_back({piece.base.value, piece.size_bits});
    return result;
}
std::vector<Piece> cut(u64 start, u64 end) {
    UntypedList list;
    cut_into_pieces({{start}, {end}}, false, list);
    return pieces(list);
}

} // namespace

TEST(UntypedList, PiecesAreAsLargeAsTheirAlignment) {
    EXPECT_EQ(cut(0, 0x100000), (std::vector<Piece>{{0, 20}}));
    EXPECT_EQ(cut(0xDEF000, 0xE00000), (std::vector<Piece>{{0xDEF000, 12}, {0xDF0000, 16}}));
    EXPECT_EQ(cut(0xBFFC9800, 0xBFFE0000),
              (std::vector<Piece>{{0xBFFC9800, 11}, {0xBFFCA000, 13}, {0xBFFCC000, 14}, {0xBFFD0000, 16}}));
    EXPECT_EQ(cut(0x1000, 0x1000), std::vector<Piece>{});
    EXPECT_EQ(cut(0xfff8, 0x10000), std::vector<Piece>{}); // too small
    EXPECT_EQ(cut(0, u64{1} << 48), (std::vector<Piece>{{0, 47}, {u64{1} << 47, 47}}));
}

TEST(UntypedList, DeviceMemoryIsEveryGapUpToTheTop) {
    Environment environment;
    environment.ram.push({{0x100000}, {0x8000000}});
    environment.kernel_image = {{0x100000}, {0x200000}};
    environment.kernel_devices.push({{0xfee00000}, {0xfee01000}});
    environment.kernel_devices.push({{0xfec00000}, {0xfec01000}});
    UntypedList list;
    list_device_memory(environment, list);
    u64 at = 0, bytes = 0;
    for (UntypedPiece const& piece : list) {
        EXPECT_TRUE(piece.device);
        EXPECT_GE(piece.base.value, at);
        at = piece.base.value + (u64{1} << piece.size_bits);
        bytes += u64{1} << piece.size_bits;
    }
    EXPECT_EQ(bytes, (u64{1} << 47) - (0x8000000 - 0x100000) - 0x2000);
    EXPECT_EQ(list[0].size_bits, 20u);
    EXPECT_EQ(at, u64{1} << 47);
}

TEST(UntypedList, RamIsListedWithoutWhatIsTaken) {
    Environment environment;
    environment.ram.push({{0x100000}, {0x200000}});
    environment.ram.push({{0x400000}, {0x500000}});
    TakenRanges taken;
    taken.push({{0x4f0000}, {0x500000}});
    taken.push({{0x100000}, {0x180000}});
    taken.push({{0x1f0000}, {0x410000}});
    UntypedList list;
    list_ram(environment, taken, list);
    EXPECT_EQ(pieces(list), (std::vector<Piece>{{0x180000, 18}, {0x1c0000, 17}, {0x1e0000, 16},
                                                {0x410000, 16}, {0x420000, 17}, {0x440000, 18}, {0x480000, 18}, {0x4c0000, 17}, {0x4e0000, 16}}));
}

TEST(UntypedList, StopsWhenItIsFull) {
    UntypedList list;
    for (u64 i = 0; i < 300; ++i) cut_into_pieces({{0x1000 + i * 0x2000}, {0x2000 + i * 0x2000}}, false, list);
    EXPECT_EQ(list.size(), abi::max_boot_untyped);
}

// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/bounded_index.hpp"

#include "base/gtest.hpp"

TEST(BoundedIndex, KeepsWhatIsBelowTheSize) {
    for (u64 const size : {u64{1}, u64{2}, u64{108}, u64{1} << 47, ~u64{0}})
        for (u64 const index : {u64{0}, size / 2, size - 1}) EXPECT_EQ(machine::bounded_index(index, size), index);
}

TEST(BoundedIndex, IsZeroForAllOthers) {
    for (u64 const size : {u64{0}, u64{1}, u64{2}, u64{108}, u64{1} << 47, u64{1} << 63})
        for (u64 const index : {size, size + 1, size + (u64{1} << 62), ~u64{0}}) EXPECT_EQ(machine::bounded_index(index, size), 0u);
}

// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/text.hpp"

TEST(Text, NamesTheLargestUnitThatIsWhole) {
    user::Text<80> text;
    for (u64 const bytes : {u64{4096}, u64{6144}, u64{256} << 20, u64{0}, u64{4097}, u64{0x100801}})
        add_bytes(text, bytes).add(' ');
    EXPECT_EQ(view(text), "4 KiB 6 KiB 256 MiB 0 B 4097 B 1026 KiB ");
}

TEST(Text, PadsToAColumnButNeverPastItsEnd) {
    user::Text<8> text;
    pad_to(text.add("ab"), 4);
    EXPECT_EQ(view(text), "ab  ");
    pad_to(text, 100);
    EXPECT_EQ(view(text), "ab     ");
}

TEST(Text, ReadsANameThatFillsItsFieldWithoutNul) {
    char const full[3] = {'a', 'b', 'c'};
    char const half[3] = {'a', 0, 'c'};
    EXPECT_EQ(field_text(full), "abc");
    EXPECT_EQ(field_text(half), "a");
}

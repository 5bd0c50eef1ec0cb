// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/processor.hpp"

namespace {
// A processor with these answers; a leaf above the highest one must not be asked for.
auto processor(u32 highest, u32 features_ecx, u32 svm_edx) {
    return [=](u32 leaf) {
        EXPECT_LE(leaf, highest);
        if (leaf == 0x80000000) return CpuidResult{highest, 0, 0, 0};
        if (leaf == 0x80000001) return CpuidResult{0, 0, features_ecx, 0};
        return CpuidResult{0, 0, 0, svm_edx};
    };
}
} // namespace

using protocol::GuestKind;

TEST(Processor, RunsNestedGuestsOnlyWithSvmAndNestedPaging) {
    EXPECT_TRUE(can_run_guests(GuestKind::nested, processor(0x8000000a, 4, 1)));
    EXPECT_FALSE(can_run_guests(GuestKind::nested, processor(0x8000000a, 4, 0)));
    EXPECT_FALSE(can_run_guests(GuestKind::nested, processor(0x8000000a, 0, 1)));
    EXPECT_FALSE(can_run_guests(GuestKind::nested, processor(0x80000008, 4, 1)));
}

TEST(Processor, RunsShadowedGuestsWithSvmAloneAndTrappedGuestsAlways) {
    EXPECT_TRUE(can_run_guests(GuestKind::shadow, processor(0x8000000a, 4, 0)));
    EXPECT_FALSE(can_run_guests(GuestKind::shadow, processor(0x8000000a, 0, 0)));
    EXPECT_TRUE(can_run_guests(GuestKind::deprivileged, processor(0x80000008, 0, 0)));
}

TEST(SeedSource, GivesDifferentWords) {
    SeedSource seeds(1);
    EXPECT_NE(seeds.next(), seeds.next());
}

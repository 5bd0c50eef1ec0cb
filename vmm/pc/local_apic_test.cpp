// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/local_apic.hpp"

#include "base/gtest.hpp"

namespace vmm {
namespace {

LocalApic enabled() {
    LocalApic apic;
    EXPECT_TRUE(apic.write(0x80f, 0x1ff, 0));
    return apic;
}

TEST(LocalApic, TakesNothingBeforeSoftwareEnablesIt) {
    LocalApic apic;
    apic.accept(0x40);
    EXPECT_FALSE(apic.deliverable());
}

TEST(LocalApic, TheHigherVectorGoesFirstAndTheLowerWaitsForItsEnd) {
    LocalApic apic = enabled();
    apic.accept(0x41);
    apic.accept(0x52);
    ASSERT_EQ(apic.deliverable(), 0x52);
    apic.acknowledge(0x52);
    EXPECT_FALSE(apic.deliverable());
    EXPECT_TRUE(apic.write(0x80b, 0, 0));
    EXPECT_EQ(apic.take_ended(), 0x52);
    EXPECT_FALSE(apic.take_ended());
    EXPECT_EQ(apic.deliverable(), 0x41);
}

TEST(LocalApic, ServiceAndRequestRegistersShowTheVectors) {
    LocalApic apic = enabled();
    apic.accept(0x41);
    EXPECT_EQ(apic.read(0x822, 0), 2u);
    apic.acknowledge(0x41);
    EXPECT_EQ(apic.read(0x822, 0), 0u);
    EXPECT_EQ(apic.read(0x812, 0), 2u);
    EXPECT_EQ(apic.read(0x80a, 0), 0x40u);
}

TEST(LocalApic, TaskPriorityHoldsLowerClassesBack) {
    LocalApic apic = enabled();
    EXPECT_TRUE(apic.write(0x808, 0x50, 0));
    apic.accept(0x5f);
    EXPECT_FALSE(apic.deliverable());
    apic.accept(0x60);
    EXPECT_EQ(apic.deliverable(), 0x60);
}

TEST(LocalApic, DeadlineTimerFiresOnceWhenItsTimeHasCome) {
    LocalApic apic = enabled();
    EXPECT_TRUE(apic.write(0x832, 2 << 17 | 0xec, 0));
    apic.write_deadline_msr(1000);
    EXPECT_EQ(apic.next_timer(), 1000u);
    apic.advance(999);
    EXPECT_FALSE(apic.requests());
    apic.advance(1000);
    EXPECT_EQ(apic.deliverable(), 0xec);
    EXPECT_FALSE(apic.next_timer());
    EXPECT_EQ(apic.deadline_msr(), 0u);
}

TEST(LocalApic, DeadlineIsIgnoredInTheOtherModes) {
    LocalApic apic = enabled();
    apic.write_deadline_msr(1000);
    EXPECT_FALSE(apic.next_timer());
}

TEST(LocalApic, PeriodicTimerCountsDownAndStartsAgain) {
    LocalApic apic = enabled();
    EXPECT_TRUE(apic.write(0x832, 1 << 17 | 0x30, 0));
    EXPECT_TRUE(apic.write(0x83e, 0xb, 0)); // divide by 1
    EXPECT_TRUE(apic.write(0x838, 100, 50));
    EXPECT_EQ(apic.read(0x839, 60), 90u);
    apic.advance(150);
    EXPECT_EQ(apic.deliverable(), 0x30);
    EXPECT_EQ(apic.next_timer(), 250u);
    apic.advance(475);
    EXPECT_EQ(apic.next_timer(), 550u);
}

TEST(LocalApic, OneShotTimerHonoursTheDivisorAndStops) {
    LocalApic apic = enabled();
    EXPECT_TRUE(apic.write(0x832, 0x30, 0));
    EXPECT_TRUE(apic.write(0x83e, 3, 0)); // divide by 16
    EXPECT_TRUE(apic.write(0x838, 10, 0));
    EXPECT_EQ(apic.next_timer(), 160u);
    apic.advance(160);
    EXPECT_FALSE(apic.next_timer());
    EXPECT_TRUE(apic.write(0x838, 10, 0));
    EXPECT_TRUE(apic.write(0x838, 0, 0));
    EXPECT_FALSE(apic.next_timer());
}

TEST(LocalApic, InterruptsItselfAndNobodyElse) {
    LocalApic apic = enabled();
    EXPECT_TRUE(apic.write(0x830, u64{1} << 32 | 0x77, 0));
    EXPECT_FALSE(apic.requests());
    EXPECT_TRUE(apic.write(0x830, 0x77, 0));
    EXPECT_EQ(apic.deliverable(), 0x77);
    EXPECT_TRUE(apic.write(0x83f, 0x88, 0));
    EXPECT_EQ(apic.deliverable(), 0x88);
}

TEST(LocalApic, UnknownRegistersAreRefused) {
    LocalApic apic;
    EXPECT_FALSE(apic.read(0x80b, 0)); // write only
    EXPECT_FALSE(
        apic.read(0x831, 0)); // the second half of the command register exists in xAPIC mode only
    EXPECT_FALSE(apic.write(0x802, 1, 0));
    EXPECT_FALSE(apic.write(0x839, 1, 0));
}

TEST(LocalApic, AnIllegalVectorIsReportedInTheErrorStatus) {
    LocalApic apic = enabled();
    EXPECT_TRUE(apic.write(0x83f, 3, 0));
    EXPECT_FALSE(apic.requests());
    EXPECT_TRUE(apic.write(0x828, 0, 0));
    EXPECT_EQ(apic.read(0x828, 0), 0x40u);
}

} // namespace
} // namespace vmm

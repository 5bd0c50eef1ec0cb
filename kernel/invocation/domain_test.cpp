// SPDX-License-Identifier: Apache-2.0
// Domains: ABI 7.5. The profile has one domain and two schedule entries.
#include "base/gtest.hpp"

#include "kernel/testing/test_kernel.hpp"

namespace {

struct DomainTest : testing::Test {
    TestKernel kernel;
    Answer invoke(Label label, Words words, std::vector<CPtr> caps = {}) {
        return kernel.invoke(abi::initial_slot::domain, label, words, caps);
    }
};

} // namespace

TEST_F(DomainTest, SetChecksInOrder) {
    EXPECT_EQ(invoke(Label::tcb_suspend, {}), illegal_operation);
    EXPECT_EQ(invoke(Label::domain_set_set, {}), truncated);
    EXPECT_EQ(invoke(Label::domain_set_set, {1}), invalid_argument(0));
    EXPECT_EQ(invoke(Label::domain_set_set, {0}), truncated);
    EXPECT_EQ(invoke(Label::domain_set_set, {0}, {abi::initial_slot::domain}), invalid_argument(1));
    EXPECT_EQ(invoke(Label::domain_set_set, {0}, {kernel.thread().cptr()}), success);
    EXPECT_EQ(invoke(Label::domain_set_set, {0}, {kernel.object(ObjectType::tcb)}), success);
    EXPECT_EQ(invoke(Label::domain_set_set, {0}, {abi::initial_slot::tcb}), success);
}

TEST_F(DomainTest, ScheduleConfigureChecksInOrder) {
    u64 const too_long = u64{1} << 56;
    EXPECT_EQ(invoke(Label::domain_schedule_configure, {1, 1}), truncated);
    EXPECT_EQ(invoke(Label::domain_schedule_configure, {1, 1, too_long}), range_error(0, 0));
    EXPECT_EQ(invoke(Label::domain_schedule_configure, {0, 1, too_long}), range_error(0, 0));
    EXPECT_EQ(invoke(Label::domain_schedule_configure, {0, 0, too_long}), invalid_argument(2));
    EXPECT_EQ(invoke(Label::domain_schedule_configure, {0, 0, 0}), invalid_argument(2));
    EXPECT_EQ(invoke(Label::domain_schedule_configure, {0, 0, 10}), success);
    EXPECT_EQ(kernel.kernel.domain_schedule.entry(0).duration, 10u);
}

TEST_F(DomainTest, ScheduleSetStartChecksInOrder) {
    EXPECT_EQ(invoke(Label::domain_schedule_set_start, {}), truncated);
    EXPECT_EQ(invoke(Label::domain_schedule_set_start, {2}), range_error(0, 1));
    EXPECT_EQ(invoke(Label::domain_schedule_set_start, {1}), invalid_argument(0));
    EXPECT_EQ(invoke(Label::domain_schedule_set_start, {0}), success);
}

TEST(DomainSchedule, RepeatsItsEntries) {
    DomainSchedule schedule;
    schedule.configure(0, 0, 2);
    schedule.configure(1, 0, 1);
    EXPECT_EQ(schedule.restart_at(0), 0u);
    EXPECT_FALSE(schedule.tick());
    EXPECT_TRUE(schedule.tick()); // the second entry
    EXPECT_TRUE(schedule.tick()); // it was one tick long; the first again
    EXPECT_FALSE(schedule.tick());
    schedule.restart_at(1);
    EXPECT_EQ(schedule.start(), 1u);
    EXPECT_TRUE(schedule.tick());
    EXPECT_TRUE(schedule.tick()); // begins at the second now
}

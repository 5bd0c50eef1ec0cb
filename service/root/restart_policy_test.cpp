// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/root/restart_policy.hpp"

TEST(RestartPolicy, GivesUpAfterFiveFailuresInAShortTime) {
    RestartPolicy policy;
    for (u64 second = 0; second < 5; ++second) EXPECT_TRUE(policy.failed(second));
    EXPECT_FALSE(policy.failed(5));
    EXPECT_EQ(policy.failures(), 6u);
}

TEST(RestartPolicy, GoesOnForeverWhenFailuresAreRare) {
    RestartPolicy policy;
    for (u64 i = 0; i < 100; ++i) EXPECT_TRUE(policy.failed(i * 3));
}

TEST(LogBudget, CountsWhatIsTooMuchForOneSecond) {
    LogBudget budget;
    EXPECT_EQ(budget.grant(16000, 1), 16000u);
    EXPECT_EQ(budget.grant(900, 1), 384u);
    EXPECT_EQ(budget.grant(900, 1), 0u);
    EXPECT_EQ(budget.take_lost(), 1416u);
    EXPECT_EQ(budget.take_lost(), 0u);
    EXPECT_EQ(budget.grant(900, 2), 900u);
}

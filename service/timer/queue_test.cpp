// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/timer/queue.hpp"

#include <map>
#include <random>
#include <vector>

namespace {
template <class Queue> std::vector<unsigned> due(Queue& queue, u64 now) {
    std::vector<unsigned> entries;
    queue.expire(now, [&](unsigned entry) { entries.push_back(entry); });
    return entries;
}
using Entries = std::vector<unsigned>;
} // namespace

TEST(DeadlineQueue, GivesWhatIsDueInOrder) {
    DeadlineQueue<8> queue;
    queue.set(3, 300);
    queue.set(1, 100);
    queue.set(2, 200);
    EXPECT_EQ(queue.next(), 100u);
    EXPECT_EQ(due(queue, 99), Entries{});
    EXPECT_EQ(due(queue, 200), (Entries{1, 2}));
    EXPECT_EQ(queue.next(), 300u);
    EXPECT_EQ(due(queue, ~u64{0}), Entries{3});
    EXPECT_FALSE(queue.next());
}

TEST(DeadlineQueue, ReplacesAndClears) {
    DeadlineQueue<4> queue;
    queue.set(0, 100);
    queue.set(0, 500);
    queue.set(1, 400);
    queue.clear(1);
    queue.clear(1);
    EXPECT_FALSE(queue.is_set(1));
    EXPECT_EQ(queue.next(), 500u);
}

TEST(DeadlineQueue, APeriodGoesOnAndSkipsWhatWasMissed) {
    DeadlineQueue<4> queue;
    queue.set(2, 100, 10);
    EXPECT_EQ(due(queue, 100), Entries{2});
    EXPECT_EQ(queue.next(), 110u);
    EXPECT_EQ(due(queue, 155), Entries{2});
    EXPECT_EQ(queue.next(), 160u);
}

TEST(DeadlineQueue, TheFarFutureAndThePastAreDeadlinesLikeOthers) {
    DeadlineQueue<4> queue;
    queue.set(0, ~u64{0}, 100);
    queue.set(1, 0, ~u64{0});
    EXPECT_EQ(due(queue, 1000), Entries{1});
    EXPECT_EQ(queue.next(), ~u64{0});
    EXPECT_EQ(due(queue, ~u64{0}), (Entries{0, 1}));
    EXPECT_FALSE(queue.next());
}

TEST(DeadlineQueue, AgreesWithASortedMap) {
    DeadlineQueue<32> queue;
    std::map<unsigned, u64> model;
    std::minstd_rand random(3);
    for (int step = 0; step < 5000; ++step) {
        unsigned const entry = static_cast<unsigned>(random() % 32);
        u64 const time = random() % 1000;
        switch (random() % 3) {
        case 0:
            queue.set(entry, time);
            model[entry] = time;
            break;
        case 1:
            queue.clear(entry);
            model.erase(entry);
            break;
        case 2:
            u64 last = 0;
            queue.expire(time, [&](unsigned due) {
                ASSERT_TRUE(model.contains(due));
                ASSERT_TRUE(model[due] <= time && model[due] >= last);
                last = model[due];
                model.erase(due);
            });
            for (auto const& [other, deadline] : model) ASSERT_GT(deadline, time);
            break;
        }
        for (unsigned i = 0; i < 32; ++i) ASSERT_EQ(queue.is_set(i), model.contains(i));
    }
}

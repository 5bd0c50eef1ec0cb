// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/timer/server.hpp"

#include <set>
#include <string>

namespace {

struct FakeKernel {
    std::set<unsigned> saved; // slots with a reply capability
    std::string log;
    bool save_caller(unsigned slot) { return saved.insert(slot).second; }
    void wake(unsigned slot, u64 label) {
        if (saved.erase(slot) != 0)
            log += "wake " + std::to_string(slot) + ":" + std::to_string(label) + " ";
    }
    void ring(unsigned client) { log += "ring " + std::to_string(client) + " "; }
};

struct World {
    FakeKernel kernel;
    TimerServer<FakeKernel> server{kernel, 4}; // 64 slots for each
    std::optional<u64> ask(unsigned client, protocol::TimerLabel label, u64 deadline = 0,
                           u64 period = 0) {
        return server.handle({client, std::to_underlying(label), 2, deadline, period}, 1000);
    }
};

using protocol::TimerLabel;

} // namespace

TEST(TimerServer, ASleeperIsAnsweredWhenItsTimeHasCome) {
    World world;
    EXPECT_FALSE(world.ask(1, TimerLabel::sleep, 5000));
    EXPECT_EQ(world.server.expire(4999), 5000u);
    EXPECT_EQ(world.kernel.log, "");
    EXPECT_FALSE(world.server.expire(5000));
    EXPECT_EQ(world.kernel.log, "wake 64:0 ");
}

TEST(TimerServer, ADeadlineInThePastIsAnsweredAtOnce) {
    World world;
    EXPECT_EQ(world.ask(0, TimerLabel::sleep, 1000), protocol::timer_ok);
    EXPECT_EQ(world.ask(0, TimerLabel::sleep, 0), protocol::timer_ok);
    EXPECT_TRUE(world.kernel.saved.empty());
}

TEST(TimerServer, RingsOnceOrWithAPeriodThatIsNotTooShort) {
    World world;
    world.ask(2, TimerLabel::arm, 2000);
    world.ask(3, TimerLabel::arm, 2000, 1);
    EXPECT_EQ(world.server.expire(2000), 2000 + protocol::timer_min_period);
    EXPECT_EQ(world.kernel.log, "ring 2 ring 3 ");
    world.ask(3, TimerLabel::cancel);
    EXPECT_FALSE(world.server.expire(~u64{0}));
    EXPECT_EQ(world.kernel.log, "ring 2 ring 3 ");
}

TEST(TimerServer, OneClientCannotTakeAllSleepersSlots) {
    World world;
    for (int i = 0; i < 64; ++i) EXPECT_FALSE(world.ask(0, TimerLabel::sleep, ~u64{0}));
    EXPECT_EQ(world.ask(0, TimerLabel::sleep, ~u64{0}), protocol::timer_too_many);
    EXPECT_FALSE(world.ask(1, TimerLabel::sleep, 2000));
}

TEST(TimerServer, UsesTheSlotAgainOfASleeperThatOthersWoke) {
    World world;
    for (int i = 0; i < 64; ++i) world.ask(0, TimerLabel::sleep, ~u64{0});
    world.kernel.saved.erase(17);
    EXPECT_FALSE(world.ask(0, TimerLabel::sleep, 2000));
    world.server.expire(2000);
    EXPECT_EQ(world.kernel.log, "wake 17:0 ");
}

TEST(TimerServer, WakesEverybodyAfterARestart) {
    World world;
    world.kernel.saved = {3, 200}; // of the service before
    world.server.wake_all();
    EXPECT_EQ(world.kernel.log, "wake 3:3 wake 200:3 ring 0 ring 1 ring 2 ring 3 ");
}

TEST(TimerServer, RefusesWhatItDoesNotKnow) {
    World world;
    EXPECT_EQ(world.server.handle({4, 0x200, 1, 5000, 0}, 0),
              protocol::timer_bad_request); // no such client
    EXPECT_EQ(world.server.handle({0, 0x200, 0, 5000, 0}, 0),
              protocol::timer_bad_request); // no deadline
    EXPECT_EQ(world.server.handle({0, 0x201, 1, 5000, 0}, 0),
              protocol::timer_bad_request); // no period
    EXPECT_EQ(world.server.handle({0, 5, 4, 5000, 0}, 0),
              protocol::timer_bad_request); // not a request of ours
}

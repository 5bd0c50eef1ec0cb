// SPDX-License-Identifier: Apache-2.0
#include "base/gtest.hpp"

#include "service/timer/hpet.hpp"
#include "service/timer/pit.hpp"

#include <vector>

namespace {

// An HPET of 100 MHz whose counter moves by `speed` ticks with each access.
struct FakeHpet {
    u64 counter = 0, comparator = 0, timer = u64{0x4} << 32, configuration = 0, period = 10'000'000;
    u64 speed = 1;
    bool fired = false;

    void tick() {
        for (u64 i = 0; i < speed; ++i)
            if (++counter == comparator && (timer & 4) != 0) fired = true;
    }
    template <class Reg> u64 read(Reg) {
        tick();
        if constexpr (std::is_same_v<Reg, hpet::Capabilities>) return period << 32;
        if constexpr (std::is_same_v<Reg, hpet::Configuration>) return configuration;
        if constexpr (std::is_same_v<Reg, hpet::Counter>) return counter;
        if constexpr (std::is_same_v<Reg, hpet::TimerConfiguration>) return timer;
        return comparator;
    }
    template <class Reg> void write(Reg, u64 value) {
        tick();
        if constexpr (std::is_same_v<Reg, hpet::Configuration>) configuration = value;
        if constexpr (std::is_same_v<Reg, hpet::TimerConfiguration>) timer = value | u64{0x4} << 32;
        if constexpr (std::is_same_v<Reg, hpet::Comparator>) comparator = value;
    }
};

struct FakePit {
    std::vector<std::pair<unsigned, u8>> writes;
    template <class Reg> u8 read(Reg) { return 0; }
    template <class Reg> void write(Reg, u8 value) { writes.emplace_back(Reg::offset, value); }
};

} // namespace

TEST(Hpet, RoutesItsComparatorToThePinAndRefusesOthers) {
    FakeHpet fake;
    Hpet alarm(fake);
    EXPECT_FALSE(alarm.start(3));
    EXPECT_FALSE(alarm.start(64));
    EXPECT_TRUE(alarm.start(2));
    EXPECT_EQ(hpet::TimerConfiguration::Route::get(fake.timer), 2u);
    EXPECT_EQ(fake.configuration, 1u);
    fake.period = 0;
    EXPECT_FALSE(alarm.start(2));
}

TEST(Hpet, AlarmsInTheFuture) {
    FakeHpet fake;
    Hpet alarm(fake);
    ASSERT_TRUE(alarm.start(2));
    u64 const before = fake.counter;
    alarm.alarm(1'000'000);
    EXPECT_NEAR(static_cast<double>(fake.comparator - before), 100'000, 10);
    alarm.alarm(~u64{0});
    EXPECT_LE(fake.comparator - before, 1'000'000'100u);
}

TEST(Hpet, AnAlarmThatIsAlmostNowIsNotMissed) {
    for (u64 const speed : {1, 5, 50, 1000}) {
        FakeHpet fake;
        fake.speed = speed;
        Hpet alarm(fake);
        ASSERT_TRUE(alarm.start(2));
        alarm.alarm(0);
        for (int i = 0; i < 100'000 && !fake.fired; ++i) fake.tick();
        EXPECT_TRUE(fake.fired) << speed;
    }
}

TEST(Pit, CountsDownOnce) {
    FakePit fake;
    Pit alarm(fake);
    alarm.alarm(1'000'000);
    EXPECT_EQ(fake.writes,
              (std::vector<std::pair<unsigned, u8>>{{3, 0x30}, {0, 1193 & 255}, {0, 1193 >> 8}}));
    fake.writes.clear();
    alarm.alarm(0);
    EXPECT_EQ(fake.writes[1], (std::pair<unsigned, u8>{0, 1}));
    fake.writes.clear();
    alarm.alarm(~u64{0});
    EXPECT_EQ(fake.writes[2].second, 59659 >> 8);
}

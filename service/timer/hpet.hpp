// SPDX-License-Identifier: Apache-2.0
// The high precision event timer (IA-PC HPET specification 1.0a): its comparator 0 as a one-shot
// alarm.
#pragma once

#include <algorithm>

#include "base/register.hpp"

namespace hpet {

struct Capabilities : Register<u64, 0x000> {
    using Period = Bits<63, 32>; // femtoseconds per tick, at most 100 ns
};
struct Configuration : Register<u64, 0x010> {
    using Enable = Bits<0>;
    using LegacyReplacement = Bits<1>;
};
struct Counter : Register<u64, 0x0f0> {};
struct TimerConfiguration : Register<u64, 0x100> {
    using InterruptEnable = Bits<2>;
    using Route = Bits<13, 9>; // pin of the I/O APIC
    using RoutesPossible = Bits<63, 32>;
};
struct Comparator : Register<u64, 0x108> {};

} // namespace hpet

template <class Bus>
requires RegisterBus<Bus, hpet::Counter>
class Hpet {
public:
    // The longest alarm: the counter may have 32 bits only. The caller sets another one then.
    static constexpr u64 max_nanoseconds = 10'000'000'000;

    explicit Hpet(Bus& bus) : bus_(bus) {}

    // false: there is none, or it cannot interrupt by this pin of the I/O APIC.
    bool start(unsigned pin) {
        using namespace hpet;
        constexpr u64 slowest = 100'000'000;
        period_ = Capabilities::Period::get(bus_.read(Capabilities{}));
        u64 const routes = TimerConfiguration::RoutesPossible::get(bus_.read(TimerConfiguration{}));
        if (period_ == 0 || period_ > slowest || pin >= 32 || (routes >> pin & 1) == 0)
            return false;
        bus_.write(TimerConfiguration{}, TimerConfiguration::Route::make(pin));
        bus_.write(Configuration{}, Configuration::Enable::mask);
        return true;
    }

    // Interrupts in so many nanoseconds, at least once; replaces the alarm before.
    void alarm(u64 nanoseconds) {
        using namespace hpet;
        u64 const config =
            bus_.read(TimerConfiguration{}) | TimerConfiguration::InterruptEnable::mask;
        u64 ticks = std::min(nanoseconds, max_nanoseconds) * 1'000'000 / period_ + 1;
        // The comparator fires on equality: when the counter has passed it by now, that would take
        // for ever.
        for (;; ticks *= 2) {
            u64 const target = bus_.read(Counter{}) + ticks;
            bus_.write(Comparator{}, target);
            bus_.write(TimerConfiguration{}, config);
            // Of 32 bits or of 64: the difference of the low halves is right for both.
            if (static_cast<std::int32_t>(static_cast<u32>(target - bus_.read(Counter{}))) > 0)
                return;
        }
    }

private:
    Bus& bus_;
    u64 period_{}; // fs
};

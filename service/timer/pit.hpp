// SPDX-License-Identifier: Apache-2.0
// The programmable interval timer (Intel 8254 data sheet): channel 0 in mode 0 as a one-shot alarm,
// for machines without HPET.
#pragma once

#include <algorithm>

#include "base/register.hpp"

namespace pit {

struct Channel0 : Register<u8, 0> {};
struct Control : Register<u8, 3> {
    using Channel = Bits<7, 6>;
    using Access = Bits<5, 4>; // 3: low byte, then high byte
    using Mode = Bits<3, 1>;   // 0: interrupt on terminal count
};
inline constexpr u64 hertz = 1'193'182;

} // namespace pit

template <class Bus>
requires RegisterBus<Bus, pit::Channel0>
class Pit {
public:
    // The longest alarm; the caller sets another one then.
    static constexpr u64 max_nanoseconds = 50'000'000;

    explicit Pit(Bus& bus) : bus_(bus) {}

    // Stops what the firmware left running: a channel without a count does nothing.
    void silence() { bus_.write(pit::Control{}, static_cast<u8>(pit::Control::Access::make(3))); }

    void alarm(u64 nanoseconds) {
        u64 const count =
            std::max<u64>(1, std::min(nanoseconds, max_nanoseconds) * pit::hertz / 1'000'000'000);
        silence();
        bus_.write(pit::Channel0{}, static_cast<u8>(count));
        bus_.write(pit::Channel0{}, static_cast<u8>(count >> 8));
    }

private:
    Bus& bus_;
};

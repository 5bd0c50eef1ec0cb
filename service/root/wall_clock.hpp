// SPDX-License-Identifier: Apache-2.0
// The battery-backed clock (MC146818 data sheet): read once at boot through its two ports.
#pragma once

#include <concepts>
#include <optional>

#include "base/types.hpp"

namespace cmos {
inline constexpr u16 index_port = 0x70;
inline constexpr u16 data_port = 0x71;

enum class Register : u8 {
    seconds = 0,
    minutes = 2,
    hours = 4,
    day = 7,
    month = 8,
    year = 9,
    status_a = 10,
    status_b = 11
};
using UpdateInProgress = Bits<7>; // status A
using Hours24 = Bits<1>;          // status B
using Binary = Bits<2>;           // status B
using Afternoon = Bits<7>;        // hours, with 12-hour format
} // namespace cmos

template <class T>
concept PortBus = requires(T& bus, u16 port, u8 value) {
    { bus.read8(port) } -> std::convertible_to<u8>;
    bus.write8(port, value);
};

struct DateTime { // UTC, as firmware and QEMU keep it by default
    unsigned year, month, day, hours, minutes, seconds;
    bool operator==(DateTime const&) const = default;

    bool plausible() const {
        return year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hours < 24 &&
               minutes < 60 && seconds < 61;
    }
    u64 seconds_since_1970() const {
        // Days of a proleptic Gregorian date, years counted from March so that the leap day is a
        // year's last.
        u64 const shifted_year = month <= 2 ? year - 1 : year;
        u64 const shifted_month = month <= 2 ? month + 9 : month - 3;
        u64 const day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        u64 const days = shifted_year * 365 + shifted_year / 4 - shifted_year / 100 +
                         shifted_year / 400 + day_of_year;
        constexpr u64 days_to_1970 = 719468; // from 1 March of year 0
        return (days - days_to_1970) * 86400 + hours * 3600u + minutes * 60u + seconds;
    }
};

// The time now; nothing when the clock gives no plausible one. Reads until two readings agree, at
// most `tries` times.
template <PortBus Bus> std::optional<DateTime> read_wall_clock(Bus& bus, unsigned tries = 10000) {
    auto const raw = [&](cmos::Register number) {
        bus.write8(cmos::index_port, static_cast<u8>(number));
        return static_cast<u8>(bus.read8(cmos::data_port));
    };
    auto const read = [&] {
        u8 const status = raw(cmos::Register::status_b);
        bool const binary = cmos::Binary::get(status) != 0;
        auto const number = [&](u8 value) -> unsigned {
            return binary ? value : (value >> 4) * 10u + (value & 15u);
        };
        u8 const raw_hours = raw(cmos::Register::hours);
        unsigned hours = number(cmos::Hours24::get(status) ? raw_hours : raw_hours & 0x7f);
        if (!cmos::Hours24::get(status))
            hours = hours % 12 + (cmos::Afternoon::get(raw_hours) ? 12 : 0);
        return DateTime{
            2000 + number(raw(cmos::Register::year)), number(raw(cmos::Register::month)),
            number(raw(cmos::Register::day)),         hours,
            number(raw(cmos::Register::minutes)),     number(raw(cmos::Register::seconds))};
    };
    for (unsigned i = 0; i < tries; ++i) {
        if (cmos::UpdateInProgress::get(raw(cmos::Register::status_a))) continue;
        DateTime const first = read();
        if (first == read()) return first.plausible() ? std::optional(first) : std::nullopt;
    }
    return {};
}

// SPDX-License-Identifier: Apache-2.0
// A device register: its width, and its offset from the start of the device. Fields are
// base/types.hpp's Bits.
#pragma once

#include <concepts>

#include "base/types.hpp"

template <class Word, unsigned Offset> struct Register {
    using Value = Word;
    static constexpr unsigned offset = Offset;
};

// What reads and writes registers of one device: ports, mapped memory, or a test's record of
// accesses.
template <class Bus, class Reg>
concept RegisterBus = requires(Bus& bus, Reg reg, typename Reg::Value value) {
    { bus.read(reg) } -> std::same_as<typename Reg::Value>;
    bus.write(reg, value);
};

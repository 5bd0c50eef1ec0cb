// SPDX-License-Identifier: Apache-2.0
// The guest's clock: time-stamp counter values in, and the page through which Linux learns the
// counter's frequency and the time of day without a device (the KVM paravirtual clock; Linux
// Documentation/virt/kvm/x86/msr.rst).
#pragma once

#include "vmm/pc/guest_memory.hpp"

namespace vmm {

struct ClockBase {
    u64 tsc_khz;         // frequency of the time-stamp counter
    u64 wall_clock_base; // seconds since 1970 when the counter was wall_clock_tsc
    u64 wall_clock_tsc;
};

// nanoseconds = (ticks << shift, or >> -shift) * multiplier >> 32
struct TickScale {
    u32 multiplier;
    std::int8_t shift;
};
TickScale tick_scale(u64 tsc_khz);

class ParavirtualClock {
public:
    explicit ParavirtualClock(ClockBase const& base) : base_(base) {}

    // MSR_KVM_SYSTEM_TIME_NEW: address of the time page with bit 0 = on. False: not in RAM, the
    // guest gets #GP.
    [[nodiscard]] bool write_system_time(u64 value, GuestMemory const& memory);
    u64 system_time() const { return system_time_; }
    // MSR_KVM_WALL_CLOCK_NEW: writes the time of day at counter 0 there once.
    [[nodiscard]] bool write_wall_clock(u64 address, GuestMemory const& memory) const;
    void reset() { system_time_ = 0; }

private:
    ClockBase base_;
    u64 system_time_{};
};

} // namespace vmm

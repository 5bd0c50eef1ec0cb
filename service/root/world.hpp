// SPDX-License-Identifier: Apache-2.0
// What root found at boot and made for all components.
#pragma once

#include "service/root/processor.hpp"
#include "service/root/services.hpp"

struct MachineFacts {
    u64 tsc_khz;
    u64 wall_clock_base; // seconds since 1970 when the time-stamp counter was wall_clock_tsc; 0:
                         // unknown
    u64 wall_clock_tsc;

    // Seconds since boot, for rates and limits.
    u64 seconds() const { return user::time_stamp() / (tsc_khz * 1000); }
};

struct World {
    Resources& resources;
    Archive const& archive;
    MachineFacts facts;
    SeedSource& seeds;
    Components& components;
    Services& services;
    user::Endpoint endpoint; // faults and requests of all components
};

// SPDX-License-Identifier: Apache-2.0
// The measurements by topic; each prints its rows. What each row means: README.md.
#pragma once

#include "bench/kernel/world.hpp"

void measure_system_calls(World& world);
void measure_ipc(World& world, Where where);
void measure_signals(World& world, Where where);
void measure_faults(World& world, Where where);
void measure_transfers(World& world, Where where);
void measure_threads(World& world);
void measure_capabilities(World& world);
void measure_memory(World& world);
void measure_objects(World& world);
void measure_ports(World& world);
void measure_interrupts(World& world, Where where);

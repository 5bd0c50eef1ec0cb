// SPDX-License-Identifier: Apache-2.0
// A root task that counts how costs grow with the number of capabilities, slots, levels and threads: bench/kernel/main.cpp's
// way of counting, and like it for any kernel of the reference profile.
#include "bench/growth/growth.hpp"
#include "user/bare/start.hpp"

void root_main(abi::BootInfo const& info) {
    World world = make_world(info);
    measure_deleting(world);
    measure_lookup(world);
    measure_with_threads(world);
    print("bench: done\n");
}

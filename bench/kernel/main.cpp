// SPDX-License-Identifier: Apache-2.0
// A root task that counts what kernel operations cost, one line each: `bench NAME VALUE instructions`. With QEMU's
// -icount shift=0 the time-stamp counter advances by one per instruction, so the figures are the same in every run.
// It keeps to the API that any seL4 kernel of the reference profile offers, release builds included.
#include "bench/kernel/measurements.hpp"
#include "user/bare/start.hpp"

void root_main(abi::BootInfo const& info) {
    World world = make_world(info);
    report(name("retype.first_of_boot_untyped"), world.first_retype);
    measure_system_calls(world);
    for (Where const where : {Where::same, Where::diff}) {
        measure_ipc(world, where);
        measure_signals(world, where);
        measure_transfers(world, where);
        measure_faults(world, where);
        measure_interrupts(world, where);
    }
    measure_threads(world);
    measure_capabilities(world);
    measure_memory(world);
    measure_objects(world);
    measure_ports(world);
    print("bench: done\n");
}

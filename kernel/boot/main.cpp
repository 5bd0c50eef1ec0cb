// SPDX-License-Identifier: Apache-2.0
// Where C++ begins.
#include "kernel/boot/enter.hpp"
#include "kernel/machine/x86_64/start.hpp"

extern "C" {
extern void (*init_array_start[])();
extern void (*init_array_end[])();
[[noreturn]] void boot_main(u32 magic, u32 information);
}

void boot_main(u32 magic, u32 information) {
    for (auto constructor = init_array_start; constructor != init_array_end; ++constructor) (*constructor)();
    static constinit Environment environment{};
    machine::start(magic, {information}, environment);
    run(environment);
}

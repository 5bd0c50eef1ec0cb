// SPDX-License-Identifier: Apache-2.0
// What the loader left: memory map and modules. Multiboot specification 0.6.96, 3.3; Multiboot 2, 3.6; ABI 2.2.
#pragma once

#include "kernel/boot/environment.hpp"

namespace machine {
// Fills ram, loader_map and root_module of the environment; halts with one line if the loader gave too little. While the boot
// tables are loaded.
void read_loader_information(u32 magic, PhysAddr information, Environment& environment);
} // namespace machine

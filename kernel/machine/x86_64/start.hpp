// SPDX-License-Identifier: Apache-2.0
// Everything between the loader and the kernel core.
#pragma once

#include "kernel/boot/environment.hpp"

namespace machine {

// Takes the processor and the board over, says on the console what it found, fills the environment. Afterwards every function
// of machine.hpp works and the tick runs; interrupts stay off until the first thread runs. Once. Halts with one line if the
// machine cannot run the kernel.
// magic, information: eax and ebx as the multiboot loader left them.
void start(u32 magic, PhysAddr information, Environment& environment);

} // namespace machine

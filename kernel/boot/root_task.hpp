// SPDX-License-Identifier: Apache-2.0
// The first thread: its address space, capability space and boot information. ABI sections 2 and 3.
#pragma once

#include <expected>

#include "kernel/boot/elf_image.hpp"
#include "kernel/boot/environment.hpp"
#include "kernel/kernel.hpp"

struct BootError {
    char const* what;
    char const* why; // may be empty
};

// Makes the root task from the module and gives it everything. The kernel must be new. The result is ready for
// Kernel::start(). Errors: the module is no sound image, or there is too little memory for it.
std::expected<Tcb*, BootError> boot_root_task(Kernel& kernel, Environment const& environment);

// SPDX-License-Identifier: Apache-2.0
// Start-up of a bare root task. The library provides the entry, a stack of 64 KiB, the IPC buffer
// and the constructors; the program provides root_main. When that returns, the initial thread
// suspends itself.
#pragma once

#include "abi/boot_info.hpp"

void root_main(abi::BootInfo const& boot_info);

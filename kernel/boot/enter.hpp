// SPDX-License-Identifier: Apache-2.0
// The run loop, seen from main.cpp. Everything else enters through entry.S: kernel/machine/x86_64/entry.hpp.
#pragma once

#include "kernel/boot/environment.hpp"

// Makes the root task and runs it and whatever it starts, for ever. Halts with one line if the root task cannot be started.
[[noreturn]] void run(Environment const& environment);

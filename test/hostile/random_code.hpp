// SPDX-License-Identifier: Apache-2.0
// Threads that execute random bytes, and random sequences of the instructions that matter, with random registers.
#pragma once

#include "test/isolation/world.hpp"

// Runs some threads for a while; returns how many pieces of code were started.
u64 run_random_code(Supply& supply, Random& random);

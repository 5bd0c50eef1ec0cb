// SPDX-License-Identifier: Apache-2.0
// Guests that a PC's firmware would boot from a disk: a boot sector, and the sectors behind it that it needs.
#pragma once

#include <span>

#include "tool/problem.hpp"

// The signature is there, and all of it fits where it is loaded (vmm/pc/boot_sector.hpp).
std::expected<void, Flaw> check_boot_sector(std::span<u8 const> bytes);

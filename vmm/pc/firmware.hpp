// SPDX-License-Identifier: Apache-2.0
// What a guest finds in its memory whatever was booted: ACPI and MP tables, and the code that
// restarts the machine.
#pragma once

#include <cstring>

#include "vmm/pc/guest_memory.hpp"

namespace vmm {

// Memory reaches at least to high_ram.
void put_firmware(GuestMemory const& memory);

// Copies bytes to a place that the caller has made sure of.
inline void put_bytes(GuestMemory const& memory, GuestPhys at, std::span<u8 const> bytes) {
    if (!bytes.empty())
        std::memcpy(memory.bytes(at, bytes.size()).data(), bytes.data(), bytes.size());
}

} // namespace vmm

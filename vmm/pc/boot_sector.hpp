// SPDX-License-Identifier: Apache-2.0
// Boots what a PC's firmware would boot from a disk: the file's first sector in real mode at
// 0000:7c00. There is no firmware to call: the sectors that follow are in memory already, and every
// interrupt vector points to an IRET.
//
//   0x0000  interrupt vectors
//   0x0500  the IRET
//   0x7c00  the file; the stack grows down from here
#pragma once

#include <expected>

#include "vmm/pc/guest_entry.hpp"
#include "vmm/pc/guest_memory.hpp"

namespace vmm {

// A file that was found good; check() is the only way to one. Refers to the file's bytes.
class BootSector {
public:
    static constexpr u64 sector = 512, most_bytes = 64 * sector;

    static std::expected<BootSector, BootError> check(std::span<u8 const> file);
    std::span<u8 const> bytes() const { return file_; }

private:
    explicit BootSector(std::span<u8 const> file) : file_(file) {}
    std::span<u8 const> file_;
};

// Memory must be zero where nothing is loaded, and reach to 1 MiB at least.
GuestEntry load_boot_sector(GuestMemory const& memory, BootSector const& image);

} // namespace vmm

// SPDX-License-Identifier: Apache-2.0
// The kernel's own half of every address space: the last entry of each PML4.
//
//   0000'0000'0000'0000 ┌────────────────────────────────────────────────────────────────┐
//                       │ user level: the thread's VSpace (memory/ of the kernel core)   │
//   0000'7fff'ffff'f000 └────────────────────────────────────────────────────────────────┘
//                         not canonical, and PML4 entries 256 to 510: nothing
//   ffff'ff80'0000'0000 ┌────────────────────────────────────────────────────────────────┐ PML4 entry 511, PDPT 0 to 509
//                       │ window: physical 0 to 510 GiB, only where there is RAM         │ RW, no execution; 1 GiB pages,
//                       │   the pages of the kernel's text and constants are read-only   │ else 2 MiB, 4 KiB round the kernel
//   ffff'ffff'8000'0000 ├────────────────────────────────────────────────────────────────┤ PDPT 510
//                       │ image: physical 1 MiB on, 4 KiB pages                          │
//                       │   text RX │ constants R │ data, stack RW │ page pool RW        │ (guard page below the stack)
//   ffff'ffff'c000'0000 ├────────────────────────────────────────────────────────────────┤ PDPT 511
//                       │ devices: local APIC, then one page for each I/O APIC           │ RW, uncached
//                       └────────────────────────────────────────────────────────────────┘
#pragma once

#include "kernel/boot/environment.hpp"

namespace machine {

inline constexpr u64 window_base = 0xffffff8000000000;
inline constexpr u64 image_base = 0xffffffff80000000;
inline constexpr u64 devices_base = 0xffffffffc0000000;
inline constexpr u64 window_bytes = u64{510} << 30;

// Until the kernel's own tables are loaded the window shows the first 4 GiB, whatever is there.
inline constexpr u64 boot_window_bytes = u64{4} << 30;

// RAM above this cannot be mapped: the page directories for a window of 2 MiB pages come from a pool of fixed size.
u64 mappable_ram_end();
MemoryRange image_range(); // physical: with the part of the page pool that is in use
MemoryRange boot_tables_range();

// Builds and loads the tables for this RAM; devices[i] appears at device_page(i). Interrupts off; once.
void load_kernel_tables(FixedVector<MemoryRange, 16> const& ram, FixedVector<PhysAddr, 16> const& devices);
PhysAddr root_32(u64 upper); // PML4 of the address space of 32-bit threads, with this entry 1
constexpr u64 device_page(unsigned index) { return devices_base + u64{index} * 4096; }

} // namespace machine

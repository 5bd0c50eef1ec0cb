// SPDX-License-Identifier: Apache-2.0
// What the loader and the firmware told the kernel: filled by machine/x86_64 at boot, or by a test; read by boot/.
#pragma once

#include "base/fixed_vector.hpp"
#include "base/types.hpp"
#include "kernel/command_line.hpp"

struct MemoryRange { // physical, [start, end)
    PhysAddr start, end;
};

struct LoaderMapEntry { // multiboot 1 memory map entry as the loader stored it, 24 bytes (ABI 3.4)
    u32 size;
    u64 base;
    u64 length;
    u32 type;
} __attribute__((packed));
static_assert(sizeof(LoaderMapEntry) == 24);

struct Environment {
    FixedVector<MemoryRange, 16> ram; // usable RAM from 1 MiB on, 4 KiB aligned, ascending (ABI 2.2)
    MemoryRange kernel_image;         // stays the kernel's forever; ram may overlap it
    MemoryRange boot_only;            // kernel code and data not needed after boot; inside kernel_image; may be empty
    MemoryRange root_module;          // the root task's ELF file as the loader placed it
    FixedVector<MemoryRange, 16> kernel_devices; // local APIC, I/O APICs, MSI word: never given to user level
    FixedVector<LoaderMapEntry, 50> loader_map;  // copied to the boot information
    u8 rsdp[36]{};                               // ACPI root pointer, zero padded
    bool has_rsdp{};
    u32 tsc_mhz{}; // measured at boot, not 0
    CommandLine command_line;
};

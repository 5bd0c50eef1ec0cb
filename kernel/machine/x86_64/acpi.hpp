// SPDX-License-Identifier: Apache-2.0
// The few ACPI tables that the kernel needs: ACPI specification 5.2. Every length and address in them is checked.
#pragma once

#include "kernel/boot/environment.hpp"

namespace machine {

struct Acpi {
    u8 rsdp[36]{};
    bool has_rsdp{};
    FixedVector<PhysAddr, 8> io_apics; // from the MADT
};

// Scans the BIOS area and follows RSDP, XSDT or RSDT, MADT. What is missing or bad is said on the console and left out.
// While the boot tables are loaded (boot_window_bytes of window).
Acpi read_acpi();

} // namespace machine

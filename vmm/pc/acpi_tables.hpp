// SPDX-License-Identifier: Apache-2.0
// The firmware tables of the virtual machine: a hardware-reduced ACPI platform (ACPI
// specification 6.4, section 4.1). So the guest looks for no PIT, PIC, RTC, keyboard controller, PM
// timer or SCI, and finds one processor, one I/O APIC, COM1, and registers to power off and to
// reset.
//
//   RSDP -> XSDT -> FADT -> DSDT
//                -> MADT
#pragma once

#include <vector>

#include "base/types.hpp"

namespace vmm {

// All tables, one behind the other, to be put at `at`; the RSDP is the first.
std::vector<u8> acpi_tables(GuestPhys at);

} // namespace vmm

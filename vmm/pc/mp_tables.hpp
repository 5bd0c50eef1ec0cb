// SPDX-License-Identifier: Apache-2.0
// The MP floating pointer and its configuration table (Intel MultiProcessor Specification 1.4,
// chapter 4): the same one processor and I/O APIC as the ACPI tables name. Kernels that find no
// floating pointer map and search 64 KiB of the BIOS's addresses in steps of 16 bytes, which costs
// Linux 70,000 INVLPGs while it boots; those without ACPI need the table.
#pragma once

#include <vector>

#include "base/types.hpp"

namespace vmm {

// Both, one behind the other, to be put at `at`, a multiple of 16; the floating pointer is the
// first.
std::vector<u8> mp_tables(GuestPhys at);

} // namespace vmm

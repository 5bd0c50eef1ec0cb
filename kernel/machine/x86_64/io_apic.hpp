// SPDX-License-Identifier: Apache-2.0
// I/O APICs: 82093AA data sheet. The functions of machine.hpp that name an I/O APIC and a pin work on them.
#pragma once

#include "base/types.hpp"

namespace machine {
void mask_legacy_controllers();    // the PC's two 8259: moved to vectors 0x20..0x2f, all lines masked
bool start_io_apic(u64 registers); // where its page is mapped; all pins masked. false: there is none
} // namespace machine

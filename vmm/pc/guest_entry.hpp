// SPDX-License-Identifier: Apache-2.0
// The processor at a guest's first instruction, as what booted the guest leaves it. What is not
// named here is as after power-on; LDTR is unusable.
#pragma once

#include <string>

#include "x86/emulate/processor.hpp"

namespace vmm {

struct GuestEntry {
    x86::CoreState core; // interrupts off
    x86::Segment code;
    x86::Segment data; // all other segments
    x86::TableRegister gdtr, idtr;
    u64 cr0, cr3, cr4, efer;
};

// One line for the person who gave the file: what is wrong and what would help.
struct BootError {
    std::string text;
};

} // namespace vmm

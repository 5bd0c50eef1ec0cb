// SPDX-License-Identifier: Apache-2.0
// The guests of guests.S.
#pragma once

#include <span>

#include "base/types.hpp"

#define GUEST(name)                                                                                \
    extern "C" u8 const guest_##name[], guest_##name##_end[];                                      \
    namespace guest {                                                                              \
    inline std::span<u8 const> name() { return {guest_##name, guest_##name##_end}; }               \
    }
GUEST(real_mode)
GUEST(registers)
GUEST(msrs)
GUEST(memory)
GUEST(count)
GUEST(ports)
GUEST(interrupts)
GUEST(handler)
GUEST(fault_handler)
GUEST(invalid_opcode)
GUEST(page_fault)
GUEST(controlled)
GUEST(control_mask)
GUEST(fpu)
GUEST(avx)
GUEST(protection_keys)
GUEST(debug_registers)
GUEST(single_step)
GUEST(stamp)
GUEST(translation)
GUEST(cr2_handler)
GUEST(memory32)
GUEST(translation32)
#undef GUEST

// SPDX-License-Identifier: Apache-2.0
// The registers of the guest's thread and those of the guest's processor: the same but for flags
// that user mode has not got.
#pragma once

#include "user/thread32.hpp"
#include "x86/emulate/processor.hpp"

namespace vmm {

// The flags that mean the same in user mode: CF PF AF ZF SF TF DF OF NT RF AC ID.
inline constexpr u64 shared_flags = 0x254dd5;
inline constexpr u64 always_set_flag = 2;

// The other flags of `core` stay as they are.
inline void take_registers(x86::CoreState& core, user::Registers32 const& from) {
    u32 const general[] = {from.eax, from.ecx, from.edx, from.ebx,
                           from.esp, from.ebp, from.esi, from.edi};
    for (unsigned i = 0; i < std::size(general); ++i) core.registers.value[i] = general[i];
    core.rip = from.eip;
    core.rflags = (core.rflags & ~shared_flags) | (from.eflags & shared_flags) | always_set_flag;
}

inline user::Registers32 registers_for_thread(x86::CoreState const& core, u64 fs_base,
                                              u64 gs_base) {
    auto const general = [&](unsigned i) { return static_cast<u32>(core.registers.value[i]); };
    return {.eip = static_cast<u32>(core.rip),
            .esp = general(4),
            .eflags = static_cast<u32>((core.rflags & shared_flags) | always_set_flag),
            .eax = general(0),
            .ecx = general(1),
            .edx = general(2),
            .ebx = general(3),
            .ebp = general(5),
            .esi = general(6),
            .edi = general(7),
            .fs_base = static_cast<u32>(fs_base),
            .gs_base = static_cast<u32>(gs_base)};
}

} // namespace vmm

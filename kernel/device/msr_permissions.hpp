// SPDX-License-Identifier: Apache-2.0
// Which MSRs a guest reaches itself: exactly those that VMLOAD and VMSAVE switch. All others exit
// to the monitor. APM vol. 2, 15.11.
#pragma once

#include <array>

#include "x86/vmcb.hpp"

namespace msr_permissions {

using Map = std::array<u8, svm::msr_permission_bytes>;

inline constexpr u32 passed_through[] = {
    0x00000174, 0x00000175, 0x00000176,             // SYSENTER_CS, ESP, EIP
    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, // STAR, LSTAR, CSTAR, SFMASK
    0xc0000100, 0xc0000101, 0xc0000102,             // FS base, GS base, KernelGSBase
};

// Number of the MSR's read bit in the map (the write bit follows it); the map has 2 KiB for each
// range of 8192 MSRs.
constexpr u32 bit_of(u32 msr) {
    constexpr u32 range_bits = 2048 * 8;
    u32 const range = msr >= 0xc0010000 ? 2 : msr >= 0xc0000000 ? 1 : 0;
    return range * range_bits + 2 * (msr & 0x1fff);
}

constexpr Map make() {
    Map map{};
    for (u8& byte : map) byte = 0xff;
    for (u32 const msr : passed_through) {
        u32 const bit = bit_of(msr);
        map[bit / 8] = static_cast<u8>(map[bit / 8] & ~(3u << bit % 8));
    }
    return map;
}

} // namespace msr_permissions

// SPDX-License-Identifier: Apache-2.0
// For tests: the smallest file that BzImage::check() accepts.
#pragma once

#include <cstring>
#include <vector>

#include "vmm/pc/memory_map.hpp"

namespace vmm {

template <class T> void set(std::vector<u8>& file, u64 offset, T value) {
    std::memcpy(&file[offset], &value, sizeof(T));
}

// One setup sector and a payload of 4 KiB that starts with a known word and has HLT at its entry.
inline std::vector<u8> tiny_kernel() {
    std::vector<u8> file(1024 + 4096);
    set<u8>(file, 0x1f1, 1);
    set<u32>(file, 0x1f4, 4096 / 16);
    set<u16>(file, 0x1fe, 0xaa55);
    set<u8>(file, 0x201, 0x6a);
    set<u32>(file, 0x202, 0x53726448);
    set<u16>(file, 0x206, 0x020f);
    set<u8>(file, 0x211, 1);
    set<u32>(file, 0x22c, 0x7fffffff);
    set<u16>(file, 0x236, 1);
    set<u32>(file, 0x238, 100);
    set<u64>(file, 0x258, 16 * mebibyte);
    set<u32>(file, 0x260, 8 * mebibyte);
    set<u64>(file, 1024, 0x1234567890abcdef);
    set<u8>(file, 1024 + 0x200, 0xf4);
    return file;
}

} // namespace vmm

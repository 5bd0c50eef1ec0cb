// SPDX-License-Identifier: Apache-2.0
#include "tool/bzimage.hpp"

#include <fmt/format.h>

namespace {

// Fields of the setup header, by offset in the file.
constexpr u64 setup_sectors = 0x1f1; // u8
constexpr u64 system_size = 0x1f4;   // u32, units of 16 bytes
constexpr u64 boot_flag = 0x1fe;     // u16
constexpr u64 header_magic = 0x202;  // "HdrS"
constexpr u64 version = 0x206;       // u16
constexpr u64 extended_load_flags = 0x236; // u16
constexpr u64 run_size = 0x260;           // u32
constexpr u64 header_end = 0x268;
constexpr u64 kernel_64 = 1 << 0; // of extended_load_flags

u64 word(std::span<u8 const> bytes, u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= u64{bytes[offset + i]} << (8 * i);
    return value;
}

} // namespace

std::expected<KernelImage, Flaw> check_bzimage(std::span<u8 const> bytes) {
    constexpr char const* cure = "name a Linux bzImage for x86, for example kernel = \"debian-cloud\"";
    if (bytes.size() < header_end || word(bytes, boot_flag, 2) != 0xaa55 || word(bytes, header_magic, 4) != 0x53726448) {
        return fail(Flaw{"is no bzImage", cure});
    }
    u64 const protocol = word(bytes, version, 2);
    if (protocol < 0x20c) {
        return fail(Flaw{fmt::format("speaks boot protocol {}.{:02}, older than 2.12", protocol >> 8, protocol & 0xff), cure});
    }
    u64 const sectors = bytes[setup_sectors] == 0 ? 4 : bytes[setup_sectors];
    u64 const size = (sectors + 1) * 512 + word(bytes, system_size, 4) * 16;
    if (bytes.size() + 16 <= size) { // the file may end within the last of its units
        return fail(Flaw{fmt::format("is truncated: it has {} bytes of {}", bytes.size(), size), "copy the file again"});
    }
    return KernelImage{word(bytes, run_size, 4), (word(bytes, extended_load_flags, 2) & kernel_64) != 0};
}

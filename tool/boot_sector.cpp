// SPDX-License-Identifier: Apache-2.0
#include "tool/boot_sector.hpp"

#include <fmt/format.h>

std::expected<void, Flaw> check_boot_sector(std::span<u8 const> bytes) {
    constexpr u64 sector = 512, most = 64 * sector, signature_at = 510;
    if (bytes.size() < sector || bytes[signature_at] != 0x55 || bytes[signature_at + 1] != 0xaa)
        return fail(Flaw{"is no boot sector: 55 aa do not stand at its byte 510", "name an image of at least one sector"});
    if (bytes.size() > most)
        return fail(Flaw{fmt::format("has {} bytes, more than a boot sector and what follows it may have", bytes.size()),
                         fmt::format("cut it to {} bytes", most)});
    return {};
}

// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/boot_sector.hpp"

#include "vmm/pc/firmware.hpp"
#include "vmm/pc/memory_map.hpp"
#include "x86/registers.hpp"

namespace vmm {
namespace {

constexpr u64 signature_at = 510;
constexpr u8 signature[] = {0x55, 0xaa};
constexpr u64 vectors = 256;
constexpr u8 iret = 0xcf;
constexpr u64 first_disk = 0x80;
constexpr u32 real_mode_segment = 0x93, whole_paragraphs = 0xffff; // present, writable; limit
enum : unsigned { rdx = 2, rsp = 4 };

} // namespace

std::expected<BootSector, BootError> BootSector::check(std::span<u8 const> file) {
    if (file.size() < sector || file[signature_at] != signature[0] ||
        file[signature_at + 1] != signature[1])
        return fail(BootError{"is no boot sector: 55 aa do not stand at its byte 510"});
    if (file.size() > most_bytes)
        return fail(BootError{"has " + std::to_string(file.size()) +
                              " bytes; a boot sector and what follows it are at most " +
                              std::to_string(most_bytes)});
    return BootSector(file);
}

GuestEntry load_boot_sector(GuestMemory const& memory, BootSector const& image) {
    put_firmware(memory);
    put_bytes(memory, boot_sector_at, image.bytes());
    u8 const handler[] = {iret};
    put_bytes(memory, vector_stub_at, handler);
    u8 const vector[] = {vector_stub_at.value & 0xff, vector_stub_at.value >> 8, 0, 0};
    for (u64 i = 0; i < vectors; ++i) put_bytes(memory, GuestPhys{i * sizeof vector}, vector);

    x86::Segment const segment{.access_rights = real_mode_segment, .limit = whole_paragraphs};
    GuestEntry entry{.core = {.rip = boot_sector_at.value},
                     .code = segment,
                     .data = segment,
                     .gdtr = {0, 0xffff},
                     .idtr = {0, vectors * sizeof vector - 1},
                     .cr0 = cr0::ExtensionType::mask,
                     .cr3 = 0,
                     .cr4 = 0,
                     .efer = 0};
    entry.core.registers.value[rdx] = first_disk;
    entry.core.registers.value[rsp] = boot_sector_at.value;
    return entry;
}

} // namespace vmm

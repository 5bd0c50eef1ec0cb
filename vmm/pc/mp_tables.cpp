// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/mp_tables.hpp"

#include <cstddef>
#include <cstring>
#include <numeric>

#include "vmm/pc/memory_map.hpp"

namespace vmm {
namespace {

constexpr u8 revision = 4; // 1.4
constexpr u8 io_apic_id = 1, io_apic_version = 0x11, local_apic_version = 0x14;

struct [[gnu::packed]] FloatingPointer { // 4.1
    char signature[4] = {'_', 'M', 'P', '_'};
    u32 table;
    u8 paragraphs = 1; // of 16 bytes
    u8 revision = vmm::revision;
    u8 checksum = 0;
    u8 features[5] = {}; // the table is there; no interrupt mode register, as there is no PIC
};
static_assert(sizeof(FloatingPointer) == 16);

struct [[gnu::packed]] Table { // 4.2
    char signature[4] = {'P', 'C', 'M', 'P'};
    u16 bytes = sizeof(Table);
    u8 revision = vmm::revision;
    u8 checksum = 0;
    char oem[8] = {'T', 'E', 'S', 'S', 'E', 'R', 'A', ' '};
    char product[12] = {'M', 'A', 'C', 'H', 'I', 'N', 'E', ' ', ' ', ' ', ' ', ' '};
    u32 oem_table = 0;
    u16 oem_bytes = 0;
    u16 entries = 4;
    u32 local_apic = static_cast<u32>(local_apic_at.value);
    u16 extended_bytes = 0;
    u8 extended_checksum = 0, reserved = 0;

    struct [[gnu::packed]] { // 4.3.1
        u8 type = 0, local_apic_id = 0, local_apic_version = vmm::local_apic_version;
        u8 flags = 3;                    // enabled, boots the machine
        u32 signature = 0, features = 0; // CPUID tells
        u32 reserved[2] = {};
    } processor;
    struct [[gnu::packed]] { // 4.3.2
        u8 type = 1, id = 0;
        char name[6] = {'I', 'S', 'A', ' ', ' ', ' '};
    } bus;
    struct [[gnu::packed]] { // 4.3.3
        u8 type = 2, id = io_apic_id, version = io_apic_version, enabled = 1;
        u32 address = static_cast<u32>(io_apic_at.value);
    } io_apic;
    struct [[gnu::packed]] { // 4.3.4
        u8 type = 3, kind = 0;
        u16 flags = 0; // polarity and trigger as usual on the bus
        u8 bus = 0, bus_interrupt = com1_interrupt;
        u8 io_apic = io_apic_id, pin = com1_interrupt;
    } com1;
};
static_assert(offsetof(Table, processor) == 44 && sizeof(Table) == 44 + 20 + 3 * 8);

template <class T> void seal(T& table) {
    auto const* const bytes = reinterpret_cast<u8 const*>(&table);
    table.checksum = static_cast<u8>(-std::accumulate(bytes, bytes + sizeof(T), 0));
}

} // namespace

std::vector<u8> mp_tables(GuestPhys at) {
    FloatingPointer pointer{.table = static_cast<u32>(at.value + sizeof(FloatingPointer))};
    Table table;
    seal(pointer);
    seal(table);
    std::vector<u8> bytes(sizeof pointer + sizeof table);
    std::memcpy(bytes.data(), &pointer, sizeof pointer);
    std::memcpy(bytes.data() + sizeof pointer, &table, sizeof table);
    return bytes;
}

} // namespace vmm

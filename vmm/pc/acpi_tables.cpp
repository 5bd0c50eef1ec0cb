// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/acpi_tables.hpp"

#include <cstring>
#include <numeric>

#include "vmm/pc/aml.hpp"
#include "vmm/pc/memory_map.hpp"

namespace vmm {
namespace {

struct [[gnu::packed]] Header { // 5.2.6
    char signature[4];
    u32 length;
    u8 revision;
    u8 checksum;
    char oem[6];
    char oem_table[8];
    u32 oem_revision;
    char creator[4];
    u32 creator_revision;
};
static_assert(sizeof(Header) == 36);

struct [[gnu::packed]] Rsdp { // 5.2.5.3
    char signature[8];
    u8 checksum; // of the first 20 bytes
    char oem[6];
    u8 revision;
    u32 rsdt;
    u32 length;
    u64 xsdt;
    u8 extended_checksum;
    u8 reserved[3];
};
static_assert(sizeof(Rsdp) == 36);

struct [[gnu::packed]] Address { // generic address structure, 5.2.3.2
    u8 space;
    u8 bit_width;
    u8 bit_offset;
    u8 access_size;
    u64 address;
};
constexpr Address byte_port(u16 port) {
    return {.space = 1, .bit_width = 8, .bit_offset = 0, .access_size = 1, .address = port};
}

struct [[gnu::packed]] Fadt { // 5.2.9
    Header header;
    u8 unused0[109 -
               36]; // fixed hardware that a hardware-reduced platform has not, and 32-bit addresses
    u16 boot_flags;
    u8 reserved;
    u32 flags;
    Address reset;
    u8 reset_value;
    u16 arm_flags;
    u8 minor_version;
    u64 facs;
    u64 dsdt;
    Address unused1[8]; // fixed hardware again
    Address sleep_control;
    Address sleep_status;
    u64 hypervisor;
};
static_assert(offsetof(Fadt, flags) == 112 && offsetof(Fadt, dsdt) == 140 &&
              offsetof(Fadt, sleep_control) == 244 && sizeof(Fadt) == 276);

constexpr u16 boot_no_vga = 1 << 2;
constexpr u16 boot_no_message_interrupts = 1 << 3;
constexpr u16 boot_no_rtc = 1 << 5;
constexpr u32 flag_wbinvd = 1 << 0;
constexpr u32 flag_no_power_button = 1 << 4; // as fixed hardware
constexpr u32 flag_no_sleep_button = 1 << 5;
constexpr u32 flag_reset_register = 1 << 10;
constexpr u32 flag_hardware_reduced = 1 << 20;

struct [[gnu::packed]] Madt { // 5.2.12
    Header header;
    u32 local_apic;
    u32 flags;
    struct [[gnu::packed]] {
        u8 type = 0, length = 8, processor = 0, apic_id = 0;
        u32 flags = 1; // enabled
    } processor;
    struct [[gnu::packed]] {
        u8 type = 1, length = 12, id = 1, reserved = 0;
        u32 address = static_cast<u32>(io_apic_at.value);
        u32 first_interrupt = 0;
    } io_apic;
};
static_assert(sizeof(Madt) == 44 + 8 + 12);

struct [[gnu::packed]] Xsdt {
    Header header;
    u64 tables[2];
};

u8 checksum(u8 const* bytes, std::size_t size) {
    return static_cast<u8>(-std::accumulate(bytes, bytes + size, 0));
}

Header header(char const (&signature)[5], std::size_t size, u8 revision) {
    Header result{.signature = {},
                  .length = static_cast<u32>(size),
                  .revision = revision,
                  .checksum = 0,
                  .oem = {'T', 'E', 'S', 'S', 'E', 'R'},
                  .oem_table = {'M', 'A', 'C', 'H', 'I', 'N', 'E', ' '},
                  .oem_revision = 1,
                  .creator = {'T', 'S', 'R', 'A'},
                  .creator_revision = 1};
    std::memcpy(result.signature, signature, 4);
    return result;
}

std::vector<u8> dsdt() {
    auto const com1 = aml::device(
        "COM1", aml::concatenate(
                    {aml::name("_HID", aml::eisa_id("PNP0501")), aml::name("_UID", aml::integer(1)),
                     aml::name("_CRS", aml::resources({aml::io_ports(com1_port, 8),
                                                       aml::edge_interrupt(com1_interrupt)}))}));
    auto const sleep_off =
        aml::package({aml::integer(sleep_type_off), aml::integer(sleep_type_off)});
    auto const body =
        aml::concatenate({aml::name("\\_S5_", sleep_off), aml::scope("\\_SB_", com1)});
    auto const head = header("DSDT", sizeof(Header) + body.size(), 2);
    std::vector<u8> result(sizeof(Header) + body.size());
    std::memcpy(result.data(), &head, sizeof(head));
    std::memcpy(result.data() + sizeof(head), body.data(), body.size());
    return result;
}

Fadt fadt(GuestPhys dsdt_at) {
    Fadt table{};
    table.header = header("FACP", sizeof(Fadt), 6);
    table.boot_flags = boot_no_vga | boot_no_message_interrupts | boot_no_rtc;
    table.flags = flag_wbinvd | flag_no_power_button | flag_no_sleep_button | flag_reset_register |
                  flag_hardware_reduced;
    table.reset = byte_port(reset_port);
    table.reset_value = reset_value;
    table.minor_version = 4;
    table.dsdt = dsdt_at.value;
    table.sleep_control = byte_port(sleep_control_port);
    table.sleep_status = byte_port(sleep_status_port);
    return table;
}

// Puts tables one behind the other, each at a multiple of 16, with its checksum filled in.
class Layout {
public:
    explicit Layout(GuestPhys at) : at_(at), bytes_(sizeof(Rsdp)) {}

    GuestPhys add(void const* table, std::size_t size) {
        std::size_t const offset = (bytes_.size() + 15) & ~std::size_t{15};
        bytes_.resize(offset + size);
        std::memcpy(bytes_.data() + offset, table, size);
        bytes_[offset + offsetof(Header, checksum)] = checksum(bytes_.data() + offset, size);
        return at_ + offset;
    }

    std::vector<u8> finish(GuestPhys xsdt) {
        Rsdp rsdp{.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
                  .checksum = 0,
                  .oem = {'T', 'E', 'S', 'S', 'E', 'R'},
                  .revision = 2,
                  .rsdt = 0,
                  .length = sizeof(Rsdp),
                  .xsdt = xsdt.value,
                  .extended_checksum = 0,
                  .reserved = {}};
        rsdp.checksum = checksum(reinterpret_cast<u8 const*>(&rsdp), 20);
        rsdp.extended_checksum = checksum(reinterpret_cast<u8 const*>(&rsdp), sizeof(rsdp));
        std::memcpy(bytes_.data(), &rsdp, sizeof(rsdp));
        return std::move(bytes_);
    }

private:
    GuestPhys at_;
    std::vector<u8> bytes_;
};

} // namespace

std::vector<u8> acpi_tables(GuestPhys at) {
    Layout layout(at);
    auto const dsdt_table = dsdt();
    GuestPhys const dsdt_at = layout.add(dsdt_table.data(), dsdt_table.size());
    Fadt const fadt_table = fadt(dsdt_at);
    GuestPhys const fadt_at = layout.add(&fadt_table, sizeof(fadt_table));
    Madt madt_table{.header = header("APIC", sizeof(Madt), 5),
                    .local_apic = 0xfee00000,
                    .flags = 0,
                    .processor = {},
                    .io_apic = {}};
    GuestPhys const madt_at = layout.add(&madt_table, sizeof(madt_table));
    Xsdt const xsdt_table{.header = header("XSDT", sizeof(Xsdt), 1),
                          .tables = {fadt_at.value, madt_at.value}};
    return layout.finish(layout.add(&xsdt_table, sizeof(xsdt_table)));
}

} // namespace vmm

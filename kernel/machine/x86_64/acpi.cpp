// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/acpi.hpp"

#include <cstring>
#include <optional>
#include <span>

#include "kernel/machine/machine.hpp"
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/paging.hpp"

namespace machine {
namespace {

using Bytes = std::span<std::byte const>;

// Little-endian field of a table; the caller has checked that it lies inside.
template <class Word> Word field(Bytes bytes, std::size_t offset) {
    Word word;
    std::memcpy(&word, bytes.data() + offset, sizeof word);
    return word;
}

bool checksum_is_zero(Bytes bytes) {
    u8 sum = 0;
    for (auto const byte : bytes) sum = static_cast<u8>(sum + static_cast<u8>(byte));
    return sum == 0;
}

std::optional<Bytes> physical_bytes(u64 address, u64 length) {
    if (address >= boot_window_bytes || length > boot_window_bytes - address) return {};
    return Bytes{window({address}), length};
}

namespace header { // of every table but the RSDP
constexpr std::size_t length = 4, size = 36;
}

// The whole table at this address, if it is one and its checksum holds.
std::optional<Bytes> read_table(u64 address, char const* signature) {
    auto const start = physical_bytes(address, header::size);
    if (!start || std::memcmp(start->data(), signature, 4) != 0) return {};
    u32 const length = field<u32>(*start, header::length);
    auto const all = physical_bytes(address, length);
    if (length < header::size || !all || !checksum_is_zero(*all)) {
        print_line("ACPI: the table ", signature, " at ", Hex{address}, " is damaged; ignored");
        return {};
    }
    return all;
}

std::optional<Bytes> find_rsdp() {
    constexpr std::size_t old_size = 20;
    for (u64 at = 0xe0000; at < 0x100000; at += 16) {
        Bytes const bytes{window({at}), old_size};
        if (std::memcmp(bytes.data(), "RSD PTR ", 8) == 0 && checksum_is_zero(bytes)) return bytes;
    }
    return {};
}

std::optional<Bytes> find_in_root_table(Bytes root, std::size_t entry_size, char const* signature) {
    for (std::size_t at = header::size; at + entry_size <= root.size(); at += entry_size) {
        u64 const address = entry_size == 8 ? field<u64>(root, at) : field<u32>(root, at);
        if (auto const table = read_table(address, signature)) return table;
    }
    return {};
}

std::optional<Bytes> find_table(Acpi const& acpi, char const* signature) {
    Bytes const rsdp = std::as_bytes(std::span{acpi.rsdp});
    constexpr std::size_t revision = 15, rsdt = 16, xsdt = 24;
    if (field<u8>(rsdp, revision) >= 2) {
        if (auto const root = read_table(field<u64>(rsdp, xsdt), "XSDT")) {
            if (auto const table = find_in_root_table(*root, 8, signature)) return table;
        }
    }
    auto const root = read_table(field<u32>(rsdp, rsdt), "RSDT");
    return root ? find_in_root_table(*root, 4, signature) : std::nullopt;
}

// MADT, 5.2.12: a sequence of {type, length, ...} from byte 44 on.
void read_madt(Bytes madt, Acpi& acpi) {
    constexpr std::size_t entries = 44, io_apic_size = 12, io_apic_address = 4;
    constexpr u8 io_apic_type = 1;
    for (std::size_t at = entries; at + 2 <= madt.size();) {
        u8 const type = field<u8>(madt, at), length = field<u8>(madt, at + 1);
        if (length < 2 || at + length > madt.size()) {
            print_line("ACPI: the MADT has an entry of length ", u64{length}, " at byte ", u64{at},
                       "; the rest is ignored");
            return;
        }
        if (type == io_apic_type && length >= io_apic_size) {
            PhysAddr const address{field<u32>(madt, at + io_apic_address)};
            if (!address.is_aligned(12) || !acpi.io_apics.push(address)) {
                print_line("ACPI: the I/O APIC at ", Hex{address.value},
                           " is ignored: unaligned, or one too many");
            }
        }
        at += length;
    }
}

} // namespace

Acpi read_acpi() {
    Acpi acpi;
    auto const rsdp = find_rsdp();
    if (!rsdp) {
        print_line("ACPI: no root pointer in the BIOS area");
        return acpi;
    }
    acpi.has_rsdp = true;
    constexpr std::size_t revision = 15;
    bool const old = field<u8>(*rsdp, revision) < 2;
    std::memcpy(acpi.rsdp, rsdp->data(), old ? rsdp->size() : sizeof acpi.rsdp);
    if (auto const madt = find_table(acpi, "APIC"))
        read_madt(*madt, acpi);
    else
        print_line("ACPI: no usable MADT");
    return acpi;
}

} // namespace machine

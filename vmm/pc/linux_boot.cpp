// SPDX-License-Identifier: Apache-2.0
#include "vmm/pc/linux_boot.hpp"

#include <algorithm>
#include <cstring>

#include "vmm/pc/acpi_tables.hpp"
#include "vmm/pc/firmware.hpp"
#include "vmm/pc/memory_map.hpp"
#include "x86/registers.hpp"

namespace vmm {
namespace {

// Offsets in the file and in boot_params alike.
constexpr u64 acpi_rsdp = 0x70;
constexpr u64 e820_count = 0x1e8;
constexpr u64 setup_sectors = 0x1f1;
constexpr u64 payload_paragraphs = 0x1f4; // of 16 bytes; the file may end within the last one
constexpr u64 boot_flag = 0x1fe;
constexpr u64 jump_length = 0x201;
constexpr u64 magic = 0x202;
constexpr u64 version = 0x206;
constexpr u64 loader_type = 0x210;
constexpr u64 load_flags = 0x211;
constexpr u64 initramfs_address = 0x218;
constexpr u64 initramfs_size = 0x21c;
constexpr u64 command_line_pointer = 0x228;
constexpr u64 initramfs_limit = 0x22c;
constexpr u64 extended_load_flags = 0x236;
constexpr u64 command_line_size = 0x238;
constexpr u64 preferred_address = 0x258;
constexpr u64 initial_size = 0x260;
constexpr u64 e820_table = 0x2d0;

constexpr u16 boot_flag_value = 0xaa55;
constexpr u32 magic_value = 0x53726448; // "HdrS"
constexpr u16 first_version = 0x020c;   // 2.12 brought xloadflags, which name the entry
constexpr u8 loader_unregistered = 0xff;
using LoadedHigh = Bits<0>;
using Has64BitEntry = Bits<0>;
constexpr u64 sector = 512;
constexpr u64 paragraph = 16;
constexpr u64 header_end_of_version = 0x264; // the fields used here end before

constexpr u32 type_ram = 1;
constexpr u32 type_reserved = 2;
constexpr u32 type_acpi = 3;

constexpr u64 page = 4096;
constexpr u64 table_entry = 0x07; // present, writable, user (the protocol asks for no rights)
constexpr u64 large_page_entry = 0x87;
constexpr u64 identity_gibibytes = 4;

std::string mebibytes(u64 bytes) {
    return std::to_string((bytes + mebibyte - 1) / mebibyte) + " MiB";
}

} // namespace

template <class T> T BzImage::field(u64 offset) const {
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof(T));
    return value;
}

std::expected<BzImage, BootError> BzImage::check(std::span<u8 const> file) {
    constexpr char const* cure =
        "; use the file boot/vmlinuz-* of Debian's package linux-image-cloud-amd64";
    BzImage const image(file);
    if (file.size() < header_end_of_version || image.field<u16>(boot_flag) != boot_flag_value ||
        image.field<u32>(magic) != magic_value)
        return fail(BootError{std::string("is no bzImage (no Linux boot header)") + cure});
    if (image.field<u16>(version) < first_version)
        return fail(BootError{std::string("is too old: its boot protocol is before 2.12") + cure});
    if (!LoadedHigh::get(image.field<u8>(load_flags)))
        return fail(BootError{std::string("is loaded below 1 MiB, as no kernel is today") + cure});
    u64 const payload_at = (u64{image.field<u8>(setup_sectors)} + 1) * sector;
    u64 const needed = payload_at + u64{image.field<u32>(payload_paragraphs)} * paragraph;
    if (image.field<u8>(setup_sectors) == 0 || needed >= file.size() + paragraph ||
        image.payload().size() <= image.entry_offset())
        return fail(BootError{"is truncated: its header promises " + std::to_string(needed) +
                              " bytes, it has " + std::to_string(file.size()) + "; copy it again"});
    return image;
}

std::span<u8 const> BzImage::header() const {
    u64 const end = magic + field<u8>(jump_length);
    return file_.subspan(header_offset, end - header_offset);
}
std::span<u8 const> BzImage::payload() const {
    auto const rest = file_.subspan((u64{field<u8>(setup_sectors)} + 1) * sector);
    return rest.first(
        std::min<u64>(rest.size(), u64{field<u32>(payload_paragraphs)} * paragraph));
}
x86::Mode BzImage::mode() const {
    return Has64BitEntry::get(field<u16>(extended_load_flags)) ? x86::Mode::long64
                                                               : x86::Mode::protected32;
}
u64 BzImage::entry_offset() const { return mode() == x86::Mode::long64 ? 0x200 : 0; }
GuestPhys BzImage::address() const { return {field<u64>(preferred_address)}; }
u64 BzImage::needed_size() const {
    return std::max<u64>(field<u32>(initial_size), payload().size());
}
u64 BzImage::max_command_line() const { return field<u32>(command_line_size); }
u64 BzImage::initramfs_end_limit() const { return u64{field<u32>(initramfs_limit)} + 1; }

std::vector<E820Entry> memory_map(u64 memory_size) {
    return {
        {0, low_ram_end.value, type_ram},
        {low_ram_end.value, acpi_at.value - low_ram_end.value, type_reserved},
        {acpi_at.value, max_acpi_size, type_acpi},
        {acpi_at.value + max_acpi_size, high_ram.value - acpi_at.value - max_acpi_size,
         type_reserved},
        {high_ram.value, memory_size - high_ram.value, type_ram},
    };
}

namespace {

void put(GuestMemory const& memory, GuestPhys at, void const* bytes, u64 size) {
    put_bytes(memory, at, {static_cast<u8 const*>(bytes), size});
}
template <class T> void put(GuestMemory const& memory, GuestPhys at, T const& value) {
    put(memory, at, &value, sizeof(T));
}

void write_page_tables(GuestMemory const& memory) {
    GuestPhys const directory_pointers = page_tables_at + page;
    put(memory, page_tables_at, directory_pointers.value | table_entry);
    for (u64 i = 0; i < identity_gibibytes; ++i) {
        GuestPhys const directory = directory_pointers + page * (i + 1);
        put(memory, directory_pointers + 8 * i, directory.value | table_entry);
        for (u64 j = 0; j < 512; ++j)
            put(memory, directory + 8 * j, (i * 512 + j) << 21 | large_page_entry);
    }
}

void write_boot_params(GuestMemory const& memory, BzImage const& kernel, GuestPhys initramfs_at,
                       u64 initramfs_bytes) {
    put(memory, boot_params_at + BzImage::header_offset, kernel.header().data(),
        kernel.header().size());
    put(memory, boot_params_at + loader_type, loader_unregistered);
    put(memory, boot_params_at + initramfs_address, static_cast<u32>(initramfs_at.value));
    put(memory, boot_params_at + initramfs_size, static_cast<u32>(initramfs_bytes));
    put(memory, boot_params_at + command_line_pointer, static_cast<u32>(command_line_at.value));
    put(memory, boot_params_at + acpi_rsdp, acpi_at.value);
    auto const map = memory_map(memory.size());
    put(memory, boot_params_at + e820_count, static_cast<u8>(map.size()));
    put(memory, boot_params_at + e820_table, map.data(), map.size() * sizeof(E820Entry));
}

std::expected<GuestPhys, BootError> place_initramfs(GuestMemory const& memory,
                                                    BzImage const& kernel, u64 size) {
    u64 const top = std::min(memory.size(), kernel.initramfs_end_limit());
    u64 const bottom = kernel.address().value + kernel.needed_size();
    if (size > top || ((top - size) & ~(page - 1)) < bottom)
        return fail(BootError{
            "the initramfs (" + mebibytes(size) + ") does not fit into the VM's memory (" +
            mebibytes(memory.size()) + ", of which the kernel needs " + mebibytes(bottom) +
            "); raise the VM's memory to at least " + mebibytes(bottom + size + page)});
    return GuestPhys{(top - size) & ~(page - 1)};
}

GuestEntry enter_kernel(GuestMemory const& memory, BzImage const& kernel) {
    constexpr u16 code = 0x10, data = 0x18; // the selectors that the protocol asks for
    constexpr u32 code64 = 0xa09b, code32 = 0xc09b, flat_data = 0xc093, whole = ~u32{0};
    constexpr u64 long_descriptor = 0x00af9b000000ffff, code_descriptor = 0x00cf9b000000ffff,
                  data_descriptor = 0x00cf93000000ffff;
    constexpr unsigned rsi = 6;
    bool const long_mode = kernel.mode() == x86::Mode::long64;
    u64 const descriptors[] = {0, 0, long_mode ? long_descriptor : code_descriptor,
                               data_descriptor};
    put(memory, gdt_at, descriptors);
    GuestEntry entry{.core = {.rip = kernel.address().value + kernel.entry_offset()},
                     .code = {code, long_mode ? code64 : code32, whole, 0},
                     .data = {data, flat_data, whole, 0},
                     .gdtr = {gdt_at.value, sizeof descriptors - 1},
                     .idtr = {},
                     .cr0 = cr0::ProtectedMode::mask | cr0::ExtensionType::mask |
                            cr0::NumericError::mask,
                     .cr3 = 0,
                     .cr4 = 0,
                     .efer = 0};
    entry.core.registers.value[rsi] = boot_params_at.value;
    if (long_mode) {
        write_page_tables(memory);
        entry.cr0 |= cr0::Paging::mask;
        entry.cr3 = page_tables_at.value;
        entry.cr4 = cr4::PhysicalAddressExtension::mask;
        entry.efer = efer::LongModeEnable::mask | efer::LongModeActive::mask;
    }
    return entry;
}

} // namespace

std::expected<GuestEntry, BootError> load_linux(GuestMemory const& memory, BzImage const& kernel,
                                                std::span<u8 const> initramfs,
                                                std::string_view command_line) {
    u64 const kernel_end = kernel.address().value + kernel.needed_size();
    if (memory.size() < min_guest_memory || kernel_end > memory.size() ||
        kernel_end < kernel.address().value || kernel.address() < high_ram)
        return fail(BootError{"the VM's memory (" + mebibytes(memory.size()) +
                              ") is too small for the kernel, which needs " +
                              mebibytes(std::max(kernel_end, min_guest_memory)) +
                              "; raise the VM's memory"});
    if (memory.size() > max_guest_memory)
        return fail(BootError{"the VM's memory (" + mebibytes(memory.size()) +
                              ") reaches into its devices; give it at most " +
                              mebibytes(max_guest_memory)});
    u64 const line_limit = std::min(kernel.max_command_line(), max_command_line - 1);
    if (command_line.size() > line_limit)
        return fail(BootError{"the command line is " + std::to_string(command_line.size()) +
                              " bytes long, the kernel takes " + std::to_string(line_limit) +
                              "; shorten it"});
    GuestPhys const initramfs_at = TRY(place_initramfs(memory, kernel, initramfs.size()));

    put(memory, kernel.address(), kernel.payload().data(), kernel.payload().size());
    put(memory, initramfs_at, initramfs.data(), initramfs.size());
    put(memory, command_line_at, command_line.data(), command_line.size());
    put(memory, command_line_at + command_line.size(), u8{0});
    put_firmware(memory);
    write_boot_params(memory, kernel, initramfs_at, initramfs.size());
    write_page_tables(memory);
    return enter_kernel(memory, kernel);
}

} // namespace vmm

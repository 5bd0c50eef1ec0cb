// SPDX-License-Identifier: Apache-2.0
// Loads a Linux kernel by the 64-bit or the 32-bit boot protocol (Linux Documentation/x86/boot.rst
// and zero-page.rst), whichever its header offers first: checks the bzImage, copies kernel,
// initramfs and command line, and makes the tables that the entry expects.
#pragma once

#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "vmm/pc/guest_entry.hpp"
#include "vmm/pc/guest_memory.hpp"

namespace vmm {

// A bzImage whose header was found good; check() is the only way to one. Refers to the file's
// bytes.
class BzImage {
public:
    static std::expected<BzImage, BootError> check(std::span<u8 const> file);

    std::span<u8 const>
    header() const; // the setup header, to be copied into boot_params at header_offset
    std::span<u8 const> payload() const; // what runs, loaded at address()
    GuestPhys address() const;
    u64
    needed_size() const; // bytes from address() that the kernel uses before it reads the memory map
    u64 max_command_line() const;    // bytes without the NUL
    u64 initramfs_end_limit() const; // the initramfs must end at or below
    static constexpr u64 header_offset = 0x1f1;
    x86::Mode mode() const;          // of the entry
    u64 entry_offset() const;        // of the entry in the payload

private:
    explicit BzImage(std::span<u8 const> file) : file_(file) {}
    template <class T> T field(u64 offset) const;
    std::span<u8 const> file_;
};

struct E820Entry { // as in boot_params
    u64 address;
    u64 size;
    u32 type; // 1 RAM, 2 reserved, 3 ACPI tables
} __attribute__((packed));
static_assert(sizeof(E820Entry) == 20);
std::vector<E820Entry> memory_map(u64 memory_size);

// The processor has flat segments: in 64-bit mode with paging, or 32-bit protected mode without.
// Memory must be zero where nothing is loaded. initramfs may be empty.
std::expected<GuestEntry, BootError> load_linux(GuestMemory const& memory, BzImage const& kernel,
                                                std::span<u8 const> initramfs,
                                                std::string_view command_line);

} // namespace vmm

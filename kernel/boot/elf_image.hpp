// SPDX-License-Identifier: Apache-2.0
// The root task's ELF64 file as the loader left it in memory: checked once, then loaded. ABI 2.3.
#pragma once

#include <expected>

#include "base/types.hpp"

enum class BadImage {
    too_short,
    not_elf64_x86_64,
    bad_program_headers, // outside the file, or no PT_LOAD
    bad_segment,         // outside the file or the user's part of the address space
    not_page_aligned,    // lowest address
    bad_entry,           // outside the image
};
char const* text_of(BadImage reason);

class ElfImage { // only check() makes one: what it holds is sound
public:
    // file: `size` bytes, read at any alignment.
    static std::expected<ElfImage, BadImage> check(std::byte const* file, u64 size);
    u64 start() const { return start_; } // virtual, 4 KiB aligned
    u64 end() const { return end_; }     // virtual, rounded up to 4 KiB
    u64 entry() const { return entry_; }
    // Copies the segments to `memory`, which stands for [start, end) and is clear.
    void load(std::byte* memory) const;

private:
    ElfImage() = default;
    template <class Visit> std::expected<void, BadImage> for_each_segment(Visit visit) const;
    std::byte const* file_{};
    u64 size_{};
    u64 start_{}, end_{}, entry_{};
};

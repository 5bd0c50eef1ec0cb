// SPDX-License-Identifier: Apache-2.0
// Programs: static ELF64 files for x86-64.
#pragma once

#include <span>

#include "tool/file.hpp"

// A program that was checked: an ELF64 x86-64 executable, static, whole, its segments apart from each other.
class CheckedElf {
public:
    // The only way in. `bytes` must outlive the result.
    static std::expected<CheckedElf, Flaw> check(std::span<u8 const> bytes);

    // The same program with one more segment: `data`, readable, mapped at `address` (page aligned).
    // Written afresh: ELF header, program headers, segments; no sections.
    std::expected<Bytes, Flaw> with_segment(u64 address, std::span<u8 const> data) const;

    // The same program without what follows its segments (symbols, debug information). Segments stay where they are in
    // the file, because a static program finds its program headers through the first of them.
    Bytes stripped() const;

    u64 memory_size() const; // bytes of all segments in memory, each rounded up to pages

private:
    explicit CheckedElf(std::span<u8 const> bytes) : bytes_(bytes) {}
    std::span<u8 const> bytes_;
};

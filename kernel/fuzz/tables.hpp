// SPDX-License-Identifier: Apache-2.0
// The entries of all page tables that an ASID leads to, in the order of ASIDs and addresses.
#pragma once

#include <tuple>

#include "kernel/fuzz/inventory.hpp"

namespace fuzz {

struct Translation {
    Asid asid;
    MappedIn kind;
    u8 shift; // one entry spans 2^shift bytes
    u64 address;
    u64 word;
    bool operator==(Translation const&) const = default;
    // Upper levels before what lies below them.
    auto key() const { return std::tuple(asid.value, address, 64 - shift); }
};

struct TranslationList : List<Translation, 1024> {
    u64 guest_generation; // of the kernel's guest tags when the list was made
};
extern TranslationList translations;

} // namespace fuzz

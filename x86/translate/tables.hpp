// SPDX-License-Identifier: Apache-2.0
// How indirect jumps find blocks: two tables that generated code reads.
//
//   by the low bits of eip: an address, straight jumped to; the block there sees if it is the right
//                           one
//   by a hash of eip:       four entries each, searched when it is not, since functions lie at
//                           multiples of 16
#pragma once

#include <span>
#include <vector>

#include "base/types.hpp"

namespace x86::translate {

class Tables {
public:
    struct Entry {
        u64 address;
        u32 eip, padding;
    };
    static constexpr unsigned ways = 4;
    static constexpr u32 hash_factor = 0x9e3779b1;

    // How large they are for so much code memory.
    struct Shape {
        unsigned index_bits; // of eip: 8 or 16
        unsigned set_bits;   // of the hash
        u64 index_bytes() const { return sizeof(u64) << index_bits; }
        u64 bytes() const { return index_bytes() + (sizeof(Entry) * ways << set_bits); }
    };
    static Shape shape_for(u64 code_bytes);

    // In `memory`, of Shape::bytes(). `find`: the code that searches; `missing`: where r9d has no
    // block.
    Tables() = default;
    Tables(std::span<u8> memory, Shape shape, u64 find, u64 missing);

    void set(u32 eip, u64 address); // both; whoever was there goes
    void add(u32 eip, u64 address); // the first only if the place is free
    void remove(u32 eip, u64 address);
    void clear();

private:
    u32 mask() const { return (u32{1} << shape_.index_bits) - 1; }
    Entry* set_of(u32 eip) const;

    u64* addresses_{};
    Entry* sets_{};
    Shape shape_{};
    u64 find_{}, missing_{};
    std::vector<u32> used_; // eips that were put in; some are gone
};

} // namespace x86::translate

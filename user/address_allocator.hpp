// SPDX-License-Identifier: Apache-2.0
// Free ranges of an address space: first fit, neighbours merge when a range comes back.
#pragma once

#include "base/fixed_vector.hpp"
#include "user/error.hpp"

namespace user {

class AddressAllocator {
public:
    // Manages [start, end), all free.
    AddressAllocator(u64 start, u64 end) { ranges_.push({start, end}); }

    // `bytes` rounded up to 4 KiB, at an address aligned to 2^align_bits (at least 12).
    Result<u64> take(u64 bytes, unsigned align_bits = 12);
    // Exactly [start, start + bytes), if all of it is free.
    Result<> take_at(u64 start, u64 bytes);
    // A range (or part of one) that was taken. Fails only when the table of ranges is full; the
    // addresses are lost then.
    Result<> give_back(u64 start, u64 bytes);
    u64 free_bytes() const;

private:
    struct Range {
        u64 start, end;
    };
    Result<> cut(std::size_t index, u64 start, u64 end);
    void erase(std::size_t index);

    FixedVector<Range, 128> ranges_; // free ones, in no order
};

} // namespace user

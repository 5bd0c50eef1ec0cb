// SPDX-License-Identifier: Apache-2.0
// Which slots of a CNode are free: one bit each, in memory that the owner provides.
#pragma once

#include <span>

#include "user/error.hpp"
#include "user/system_call.hpp"

namespace user {

class SlotAllocator {
public:
    // Words of the bitmap for a number of slots.
    static constexpr u64 words_for(u64 slots) { return (slots + 63) / 64; }

    // Manages the slots [first, end), all free; at most as many as the bitmap has bits.
    SlotAllocator(u64 first, u64 end, std::span<u64> bitmap);
    SlotAllocator(SlotAllocator const&) = delete;
    SlotAllocator& operator=(SlotAllocator const&) = delete;

    // The lowest one: single slots stay together, which leaves room for ranges.
    Result<CPtr> take();
    // `count` consecutive slots; returns the first, which is a multiple of `alignment`.
    Result<CPtr> take_range(u64 count, u64 alignment = 1);
    void give_back(CPtr slot) { give_back_range(slot, 1); }
    void give_back_range(CPtr first, u64 count);
    u64 free() const { return free_; }

private:
    bool is_taken(u64 index) const { return (bitmap_[index / 64] >> (index % 64) & 1) != 0; }

    u64 first_;
    u64 count_;
    u64 free_;
    u64 lowest_{};          // everything before it is taken
    u64 next_{};            // where the search for a range starts
    std::span<u64> bitmap_; // 1: taken
};

} // namespace user

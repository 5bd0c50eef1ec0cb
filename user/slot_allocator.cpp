// SPDX-License-Identifier: Apache-2.0
#include "user/slot_allocator.hpp"

#include <algorithm>
#include <bit>

namespace user {

SlotAllocator::SlotAllocator(u64 first, u64 end, std::span<u64> bitmap)
    : first_(first), count_(std::min<u64>(end > first ? end - first : 0, bitmap.size() * 64)),
      free_(count_), bitmap_(bitmap) {
    for (u64& word : bitmap_) word = 0;
}

Result<CPtr> SlotAllocator::take() {
    if (free_ == 0) return fail(Error::out_of(Shortage::slots));
    u64 word = lowest_ / 64;
    while (bitmap_[word] == ~u64{0}) ++word;
    u64 const index = word * 64 + static_cast<u64>(std::countr_one(bitmap_[word]));
    bitmap_[word] |= u64{1} << (index % 64);
    --free_;
    lowest_ = index + 1;
    return first_ + index;
}

Result<CPtr> SlotAllocator::take_range(u64 count, u64 alignment) {
    if (count == 0 || count > free_) return fail(Error::out_of(Shortage::slots));
    u64 run = 0;
    u64 index = next_;
    for (u64 looked_at = 0; looked_at < count_ + count; ++looked_at, ++index) {
        if (index >= count_) { // a range does not go around the end
            index = 0;
            run = 0;
        }
        if (index % 64 == 0 && bitmap_[index / 64] == ~u64{0} && index + 64 <= count_) {
            run = 0;
            looked_at += 63;
            index += 63;
            continue;
        }
        bool const may_start = run != 0 || (first_ + index) % alignment == 0;
        run = is_taken(index) || !may_start ? 0 : run + 1;
        if (run < count) continue;
        u64 const start = index + 1 - count;
        for (u64 i = start; i <= index; ++i) bitmap_[i / 64] |= u64{1} << (i % 64);
        free_ -= count;
        next_ = index + 1 == count_ ? 0 : index + 1;
        return first_ + start;
    }
    return fail(Error::out_of(Shortage::slots));
}

void SlotAllocator::give_back_range(CPtr first, u64 count) {
    for (u64 i = first - first_; i < first - first_ + count; ++i) {
        if (i >= count_ || !is_taken(i)) continue; // not ours
        bitmap_[i / 64] &= ~(u64{1} << (i % 64));
        ++free_;
        lowest_ = std::min(lowest_, i);
    }
}

} // namespace user

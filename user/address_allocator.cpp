// SPDX-License-Identifier: Apache-2.0
#include "user/address_allocator.hpp"

#include <algorithm>

namespace user {
namespace {

constexpr u64 round_up(u64 value, unsigned bits) { return VirtAddr{value}.align_up(bits).value; }

} // namespace

Result<u64> AddressAllocator::take(u64 bytes, unsigned align_bits) {
    if (bytes == 0 || bytes > abi::user_top) return fail(Error::out_of(Shortage::addresses));
    bytes = round_up(bytes, 12);
    align_bits = std::max(align_bits, 12u);
    std::size_t best = ranges_.size();
    for (std::size_t i = 0; i < ranges_.size(); ++i) { // the lowest that fits
        u64 const start = round_up(ranges_[i].start, align_bits);
        bool const fits =
            start >= ranges_[i].start && start < ranges_[i].end && ranges_[i].end - start >= bytes;
        if (fits && (best == ranges_.size() || ranges_[i].start < ranges_[best].start)) best = i;
    }
    if (best == ranges_.size()) return fail(Error::out_of(Shortage::addresses));
    u64 const start = round_up(ranges_[best].start, align_bits);
    TRY(cut(best, start, start + bytes));
    return start;
}

Result<> AddressAllocator::take_at(u64 start, u64 bytes) {
    u64 const end = start + round_up(bytes, 12);
    if (start % 4096 == 0 && end > start) {
        for (std::size_t i = 0; i < ranges_.size(); ++i)
            if (ranges_[i].start <= start && end <= ranges_[i].end) return cut(i, start, end);
    }
    return fail(Error::out_of(Shortage::addresses));
}

Result<> AddressAllocator::give_back(u64 start, u64 bytes) {
    Range range{start, start + round_up(bytes, 12)};
    for (std::size_t i = 0; i < ranges_.size();) {
        if (ranges_[i].end == range.start || ranges_[i].start == range.end) {
            range = {std::min(range.start, ranges_[i].start), std::max(range.end, ranges_[i].end)};
            erase(i);
        } else {
            ++i;
        }
    }
    if (!ranges_.push(range)) return fail(Error::out_of(Shortage::bookkeeping));
    return {};
}

u64 AddressAllocator::free_bytes() const {
    u64 sum = 0;
    for (Range const& range : ranges_) sum += range.end - range.start;
    return sum;
}

// Takes [start, end) out of a free range that contains it.
Result<> AddressAllocator::cut(std::size_t index, u64 start, u64 end) {
    Range const range = ranges_[index];
    if (range.start < start && end < range.end) {
        if (!ranges_.push({end, range.end})) return fail(Error::out_of(Shortage::bookkeeping));
        ranges_[index].end = start;
    } else if (range.start < start) {
        ranges_[index].end = start;
    } else if (end < range.end) {
        ranges_[index].start = end;
    } else {
        erase(index);
    }
    return {};
}

void AddressAllocator::erase(std::size_t index) {
    ranges_[index] = ranges_[ranges_.size() - 1];
    ranges_.pop();
}

} // namespace user

// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/tables.hpp"

#include <algorithm>

namespace x86::translate {

Tables::Shape Tables::shape_for(u64 code_bytes) {
    constexpr u64 large = 4 << 20; // bytes for which tables of 768 KiB are not too much
    return code_bytes < large ? Shape{8, 4} : Shape{16, 12};
}

Tables::Tables(std::span<u8> memory, Shape shape, u64 find, u64 missing)
    : addresses_(reinterpret_cast<u64*>(memory.data())), sets_(reinterpret_cast<Entry*>(memory.data() + shape.index_bytes())), shape_(shape), find_(find),
      missing_(missing) {
    std::fill_n(addresses_, u64{1} << shape.index_bits, find_);
    std::fill_n(sets_, std::size_t{ways} << shape.set_bits, Entry{missing_, 0, 0});
}

Tables::Entry* Tables::set_of(u32 eip) const { return sets_ + ways * (eip * hash_factor >> (32 - shape_.set_bits)); }

void Tables::set(u32 eip, u64 address) {
    addresses_[eip & mask()] = address;
    add(eip, address);
}

void Tables::add(u32 eip, u64 address) {
    if (used_.size() > mask()) clear(); // more than there is room for
    used_.push_back(eip);
    u64& straight = addresses_[eip & mask()];
    if (straight == find_) straight = address;
    Entry* const set = set_of(eip);
    Entry* const end = set + ways;
    auto const same = [&](Entry const& entry) { return entry.eip == eip && entry.address != missing_; };
    Entry* at = std::find_if(set, end, same);
    if (at == end) at = std::find_if(set, end, [&](Entry const& entry) { return entry.address == missing_; });
    if (at == end) { // the oldest goes
        std::copy(set + 1, end, set);
        at = end - 1;
    }
    *at = {address, eip, 0};
}

void Tables::remove(u32 eip, u64 address) {
    u64& straight = addresses_[eip & mask()];
    if (straight == address) straight = find_;
    std::replace_if(set_of(eip), set_of(eip) + ways, [&](Entry const& entry) { return entry.address == address; }, Entry{missing_, 0, 0});
}

void Tables::clear() {
    for (u32 const eip : used_) {
        addresses_[eip & mask()] = find_;
        std::fill_n(set_of(eip), ways, Entry{missing_, 0, 0});
    }
    used_.clear();
}

} // namespace x86::translate

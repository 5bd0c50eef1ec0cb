// SPDX-License-Identifier: Apache-2.0
#include "x86/translate/tables.hpp"

#include <algorithm>

namespace x86::translate {

Tables::Shape Tables::shape_for(u64 code_bytes) {
    constexpr u64 large = 4 << 20; // bytes for which tables of 768 KiB are not too much
    return code_bytes < large ? Shape{8, 4} : Shape{16, 12};
}

Tables::Tables(std::span<u8> memory, Shape shape, u64 find, u64 missing)
    : addresses_(reinterpret_cast<u64*>(memory.data())),
      sets_(reinterpret_cast<Entry*>(memory.data() + shape.index_bytes())), shape_(shape),
      find_(find), missing_(missing) {
    std::fill_n(addresses_, u64{1} << shape.index_bits, find_);
    std::fill_n(sets_, std::size_t{ways} << shape.set_bits, Entry{missing_, 0, 0});
}

Tables::Entry* Tables::set_of(u32 eip) const {
    return sets_ + ways * (eip * hash_factor >> (32 - shape_.set_bits));
}

void Tables::set(u32 eip, u64 address) {
    add(eip, address);
    addresses_[eip & mask()] = address;
}

void Tables::add(u32 eip, u64 address) {
    Entry* const set = set_of(eip);
    Entry* const end = set + ways;
    bool const known = std::any_of(
        set, end, [&](Entry const& entry) { return entry.eip == eip && entry.address == address; });
    u64& straight = addresses_[eip & mask()];
    if (known && straight != find_) return;
    if (used_.size() > 2 * mask()) clear(); // entries that came and went
    used_.push_back(eip);
    if (straight == find_) straight = address;
    if (known) return;
    Entry* at = std::find_if(set, end, [&](Entry const& entry) {
        return entry.address == missing_ || entry.eip == eip;
    });
    if (at == end) { // the oldest goes
        std::copy(set + 1, end, set);
        at = end - 1;
    }
    *at = {address, eip, 0};
}

void Tables::remove(u32 eip, u64 address) {
    u64& straight = addresses_[eip & mask()];
    if (straight == address) straight = find_;
    std::replace_if(
        set_of(eip), set_of(eip) + ways,
        [&](Entry const& entry) { return entry.address == address; }, Entry{missing_, 0, 0});
}

void Tables::clear() {
    for (u32 const eip : used_) {
        addresses_[eip & mask()] = find_;
        std::fill_n(set_of(eip), ways, Entry{missing_, 0, 0});
    }
    used_.clear();
}

} // namespace x86::translate

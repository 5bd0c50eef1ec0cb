// SPDX-License-Identifier: Apache-2.0
#include "kernel/device/io_port.hpp"

namespace {

// The bits of word `word` that lie in [first, last].
u64 word_mask(unsigned word, u16 first, u16 last) {
    u64 mask = ~u64{0};
    if (word == first / 64u) mask &= ~u64{0} << (first % 64);
    if (word == last / 64u) mask &= ~u64{0} >> (63 - last % 64);
    return mask;
}

} // namespace

bool IoPortTable::any_in_use(u16 first, u16 last) const {
    for (unsigned word = first / 64u; word <= last / 64u; ++word)
        if (used_[word] & word_mask(word, first, last)) return true;
    return false;
}

void IoPortTable::set(u16 first, u16 last, bool used) {
    for (unsigned word = first / 64u; word <= last / 64u; ++word) {
        u64 const mask = word_mask(word, first, last);
        used_[word] = used ? used_[word] | mask : used_[word] & ~mask;
    }
}

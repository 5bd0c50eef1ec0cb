// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/values.hpp"

#include "kernel/fuzz/world.hpp"

namespace fuzz {

u64 mixed(u64 word) {
    word += 0x9e3779b97f4a7c15;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
}

u64 odd_number(u16 code, u64 raw) {
    u64 const low = code & 0xff;
    switch (code >> 8 & 0xf) {
    case 0: return low;
    case 1: return u64{1} << low % 64;
    case 2: return (u64{1} << low % 64) - 1;
    case 3: return ~low;
    case 4: return 0x0000800000000000 + (low << 12); // not canonical
    case 5: return abi::user_top - (low << 12);
    case 6: return 0xffff800000000000 + (low << 30);
    case 7: return low << 12;
    case 8: return low << 21;
    case 9: return low << 39;
    case 10: return 0x1000 + low; // our labels and object types
    case 11: return device_start + (low << 12);
    case 12: return ram_start + (low << 10);
    case 13: return raw + low;
    case 14: return raw << low % 64 | raw >> (63 - low % 64);
    default: return mixed(raw ^ low);
    }
}

Space::Space(Cap const& root) {
    if (auto const node = root.as<CNodeCap>()) {
        node_ = *node;
        valid_ = true;
    }
}

u64 Space::address_of(u64 index, u64 below) const {
    unsigned const rest = 64 - node_.radix - node_.guard_size;
    u64 const upper = (node_.guard_size ? node_.guard << node_.radix : 0) | index;
    return rest == 0 ? upper : upper << rest | (below & ((u64{1} << rest) - 1));
}

u64 Space::capability(CapType type, unsigned start) const {
    if (!valid_) return start;
    u64 const size = node_.size();
    unsigned const rest = 64 - node_.radix - node_.guard_size;
    for (u64 i = 0; i < size; ++i) {
        u64 const index = (start + i) & (size - 1);
        Cap const& cap = node_.slots[index].cap();
        if (cap.type() == type && type != CapType::cnode) return address_of(index, 0);
        auto const inner = cap.as<CNodeCap>();
        if (!inner) continue;
        bool const leads_on = rest == inner->radix + inner->guard_size;
        if (!leads_on) {
            if (type == CapType::cnode) return address_of(index, 0);
            continue;
        }
        u64 const below = mixed(start) & (inner->size() - 1);
        for (u64 j = 0; j < 4; ++j) {
            u64 const within = (below + j) & (inner->size() - 1);
            if (inner->slots[within].cap().type() == type) return address_of(index, inner->guard << inner->radix | within);
        }
    }
    return address_of(start & (size - 1), 0);
}

u64 Space::slot(unsigned number) const { return valid_ ? address_of(number & (node_.size() - 1), number >> 4) : number; }

Slot const* Space::found(u64 address) const {
    if (!valid_) return nullptr;
    auto const slot = lookup_slot(node_, address, 64);
    return slot ? slot->slot : nullptr;
}

Place place_in(Cap const& root, bool empty, u16 code) {
    auto const node = root.as<CNodeCap>();
    if (!node) return {code, 64};
    u64 const size = node->size();
    for (u64 i = 0; i < 16; ++i) {
        u64 const index = (code + i) & (size - 1);
        if (node->slots[index].empty() != empty && i < 15) continue;
        u64 const upper = (node->guard_size ? node->guard << node->radix : 0) | index;
        Place const here{upper, node->guard_size + node->radix};
        // Sometimes one level deeper.
        auto const inner = node->slots[index].cap().as<CNodeCap>();
        if (!inner || (code & 0x200) || here.depth + inner->guard_size + inner->radix > 64) return here;
        Place const below = place_in(CNodeCap{inner->slots, inner->radix, inner->guard_size, inner->guard}, empty, code | 0x200);
        return {here.index << below.depth | below.index, here.depth + below.depth};
    }
    return {0, 64};
}

} // namespace fuzz

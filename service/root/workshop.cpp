// SPDX-License-Identifier: Apache-2.0
#include "service/root/workshop.hpp"

#include <bit>

#include "service/root/take_bytes.hpp"

using user::CPtr;
using user::Result;
using user::Shortage;

bool Workshop::take_memory(u64 bytes, u64 guest_bytes) {
    if (!take_bytes(resources_.memory(), bytes, pieces_) ||
        !take_bytes(resources_.memory(), guest_bytes, guest_pieces_, smallest_guest_piece))
        return false;
    for (auto const* piece : pieces_) plan_.add(piece->untyped().cptr, piece->size_bits());
    return true;
}

Result<> Workshop::open(u64 slots) {
    auto const radix = static_cast<unsigned>(std::bit_width(slots - 1));
    if (radix > capability_space::slot_bits) return fail(user::Error::out_of(Shortage::slots));
    slot_count_ = u64{1} << radix;
    auto const place = plan_.place(user::object_size_bits(abi::ObjectType::cnode, radix));
    if (!place) return fail(user::Error::out_of(Shortage::memory));
    CPtr const slot = TRY(resources_.slots().take());
    cnode_ = {slot};
    TRY(user::Untyped{place->slot}.retype(abi::ObjectType::cnode, radix, Resources::cnode, slot));
    return capability_space::add(resources_.top(), number_, cnode_, radix);
}

void Workshop::close() {
    for (auto* piece : pieces_) resources_.memory().give_back(piece);
    for (auto* piece : guest_pieces_) resources_.memory().give_back(piece);
    if (cnode_.cptr != 0) resources_.slots().give_back(cnode_.cptr);
    pieces_.clear();
    guest_pieces_.clear();
    plan_.clear();
    cnode_ = {};
    used_slots_ = slot_count_ = 0;
}

Result<CPtr> Workshop::next_slot() {
    if (used_slots_ == slot_count_) return fail(user::Error::out_of(Shortage::slots));
    return used_slots_++;
}

Result<CPtr> Workshop::make(abi::ObjectType type, unsigned size_bits) {
    u64 const slot = TRY(next_slot());
    TRY(make_in(cnode_, slot, type, size_bits));
    return capability_space::cptr(number_, slot);
}

Result<> Workshop::make_in(user::CNode cnode, u64 slot, abi::ObjectType type, unsigned size_bits) {
    auto const place = plan_.place(user::object_size_bits(type, size_bits));
    if (!place) return fail(user::Error::out_of(Shortage::memory));
    return user::Untyped{place->slot}.retype(type, size_bits, cnode, slot);
}

Result<CPtr> Workshop::copy(CPtr from, u64 rights, u64 badge) {
    u64 const slot = TRY(next_slot());
    u64 const depth = static_cast<u64>(std::bit_width(slot_count_ - 1));
    if (badge != 0)
        TRY(cnode_.mint(slot, resources_.place(from), rights, badge, depth));
    else
        TRY(cnode_.copy(slot, resources_.place(from), rights, depth));
    return capability_space::cptr(number_, slot);
}

Result<> Workshop::map(user::VSpace space, user::Frame frame, u64 address, u64 rights,
                       u64 attributes) {
    for (;;) {
        auto const mapped = frame.map(space, VirtAddr{address}, rights, attributes);
        if (mapped) return mapped;
        switch (mapped.error().missing_level()) {
        case 39: TRY(add_structure<user::Pdpt>(space, address)); break;
        case 30: TRY(add_structure<user::PageDirectory>(space, address)); break;
        case 21: TRY(add_structure<user::PageTable>(space, address)); break;
        default: return mapped;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
// What one component is made of: its untyped pieces, and the CNode (made from them too) that holds
// all that root makes from them. Closing the workshop revokes the pieces: every object, mapping and
// capability is gone and all memory is back.
#pragma once

#include "service/root/piece_plan.hpp"
#include "service/root/resources.hpp"

class Workshop {
public:
    // number: of the CNode in root's CSpace, 1..63.
    Workshop(Resources& resources, u64 number) : resources_(resources), number_(number) {}

    // bytes: for everything; guest_bytes: for a guest's RAM, 0 without. false: the machine has not
    // got so much.
    bool take_memory(u64 bytes, u64 guest_bytes);
    // slots: capabilities that root will make.
    user::Result<> open(u64 slots);
    void close();

    // A new object. Its capability is in the workshop.
    user::Result<user::CPtr> make(abi::ObjectType type, unsigned size_bits = 0);
    template <class Object> user::Result<Object> make(unsigned size_bits = 0) {
        Object object;
        object.cptr = TRY(make(Object::type, size_bits));
        return object;
    }
    // A new object whose capability goes to a slot of another CNode.
    user::Result<> make_in(user::CNode cnode, u64 slot, abi::ObjectType type,
                           unsigned size_bits = 0);
    // A copy of a capability of root's own, with a new badge if it has none; in the workshop.
    user::Result<user::CPtr> copy(user::CPtr from, u64 rights = abi::right::all, u64 badge = 0);

    // An empty slot of the workshop, for a capability that root puts there itself.
    user::Result<user::CPtr> reserve() { return capability_space::cptr(number_, TRY(next_slot())); }

    // Maps a frame, with the paging structures that are missing.
    user::Result<> map(user::VSpace space, user::Frame frame, u64 address, u64 rights,
                       u64 attributes);

    // Turns what is left into untyped pieces in consecutive slots of the component's CNode; sizes
    // in size_bits.
    template <std::size_t Count>
    user::Result<u32> give_leftover(user::CNode cnode, u64 first_slot, u8 (&size_bits)[Count]) {
        FixedVector<PiecePlan::Place, Count> places;
        plan_.leftover(places);
        u32 count = 0;
        for (auto const& place : places) {
            TRY(user::Untyped{place.slot}.retype(abi::ObjectType::untyped, place.size_bits, cnode,
                                                 first_slot + count));
            size_bits[count++] = place.size_bits;
        }
        plan_.clear(); // nothing more can be made
        return count;
    }
    // The guest's RAM, as root holds it.
    std::span<user::UntypedPiece* const> guest_pieces() const {
        return {guest_pieces_.begin(), guest_pieces_.size()};
    }

private:
    static constexpr std::size_t max_guest_pieces = 16;
    static constexpr unsigned smallest_guest_piece = abi::size_bits::large_page;

    user::Result<user::CPtr> next_slot();
    template <class Structure> user::Result<> add_structure(user::VSpace space, u64 address) {
        auto const structure = TRY(make<Structure>());
        return structure.map(space, address);
    }

    Resources& resources_;
    u64 number_;
    FixedVector<user::UntypedPiece*, PiecePlan::max_pieces> pieces_;
    FixedVector<user::UntypedPiece*, max_guest_pieces> guest_pieces_;
    PiecePlan plan_;
    user::CNode cnode_{}; // 0: closed
    u64 used_slots_{}, slot_count_{};
};

// SPDX-License-Identifier: Apache-2.0
// Where the next object of a component comes from: mirrors the kernel's watermark of each untyped
// piece of the component, so that root knows beforehand what fits, and what is left when everything
// is made.
#pragma once

#include <optional>

#include "abi/profile.hpp"
#include "base/fixed_vector.hpp"

class PiecePlan {
public:
    static constexpr std::size_t max_pieces = 24;

    struct Place {
        u64 slot; // of the untyped piece
        u8 size_bits;
    };

    bool add(u64 slot, unsigned size_bits) {
        return pieces_.push({slot, static_cast<u8>(size_bits), 0});
    }
    void clear() { pieces_.clear(); }

    // The piece to make `count` objects of 2^size_bits bytes from; the watermark moves. The fullest
    // piece that still has room, so that large pieces stay whole.
    std::optional<Place> place(unsigned size_bits, u64 count = 1) {
        Room* best = nullptr;
        for (auto& piece : pieces_) {
            if (end_after(piece, size_bits, count) > piece.bytes()) continue;
            if (!best || piece.bytes() - piece.used < best->bytes() - best->used) best = &piece;
        }
        if (!best) return {};
        best->used = end_after(*best, size_bits, count);
        return Place{best->slot, static_cast<u8>(size_bits)};
    }

    // What is left, as untyped pieces of at least a page, in the order in which they must be made.
    // When there are more than places has room for, the smallest are left out.
    template <std::size_t Count> void leftover(FixedVector<Place, Count>& places) const {
        for (unsigned smallest = abi::size_bits::small_page; !collect(smallest, places);
             ++smallest) {
        }
    }

private:
    struct Room {
        u64 slot;
        u8 size_bits;
        u64 used; // bytes below the kernel's free marker
        u64 bytes() const { return u64{1} << size_bits; }
    };

    static u64 end_after(Room const& piece, unsigned size_bits, u64 count) {
        u64 const size = u64{1} << size_bits;
        u64 const start = (piece.used + size - 1) / size * size;
        if (size_bits > piece.size_bits || count > piece.bytes() / size) return ~u64{0};
        return start + count * size;
    }

    // The free part [used, end) of a piece is cut into aligned powers of two: the bits that are set
    // in its length, which ascend with the address, because the end is aligned to the whole piece.
    template <std::size_t Count>
    bool collect(unsigned smallest, FixedVector<Place, Count>& places) const {
        places.clear();
        for (auto const& piece : pieces_) {
            u64 const length = piece.bytes() - end_after(piece, abi::size_bits::small_page, 0);
            for (unsigned size_bits = smallest; size_bits <= piece.size_bits; ++size_bits)
                if ((length >> size_bits & 1) != 0 &&
                    !places.push({piece.slot, static_cast<u8>(size_bits)}))
                    return false;
        }
        return true;
    }

    FixedVector<Room, max_pieces> pieces_;
};

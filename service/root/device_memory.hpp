// SPDX-License-Identifier: Apache-2.0
// The machine's device memory: untyped pieces that are halved until one covers exactly what a grant
// names. Pieces are never joined again: a device page that was made once stays with root, which
// gives copies of it.
#pragma once

#include <optional>

#include "abi/profile.hpp"
#include "base/fixed_vector.hpp"

template <std::size_t Capacity> class DeviceMemory {
public:
    // false: no more room, the piece cannot be used.
    bool add(u64 slot, u64 address, unsigned size_bits) {
        return pieces_.push({slot, address, static_cast<u8>(size_bits), false});
    }

    // The untyped that covers [address, address + 2^size_bits), which must be aligned to its size
    // and not taken yet. split(slot, size_bits): makes two untyped pieces of that size from the one
    // in `slot`, in two consecutive slots, and returns the first of these slots, or nothing.
    template <class Split> std::optional<u64> take(u64 address, unsigned size_bits, Split split) {
        for (auto& piece : pieces_) {
            bool const inside =
                address >= piece.address && (address - piece.address) >> piece.size_bits == 0;
            if (!inside || piece.taken || piece.size_bits < size_bits) continue;
            while (piece.size_bits > size_bits)
                if (!halve(piece, address, split)) return {};
            if (piece.address != address) return {};
            piece.taken = true;
            return piece.slot;
        }
        return {};
    }

    // The size of the largest aligned block at the start of [address, address + bytes) that is at
    // most 2^largest bytes.
    static unsigned first_block(u64 address, u64 bytes, unsigned largest) {
        unsigned size_bits = abi::size_bits::small_page;
        while (size_bits < largest && address % (u64{2} << size_bits) == 0 &&
               bytes >= u64{2} << size_bits)
            ++size_bits;
        return size_bits;
    }

private:
    struct Piece {
        u64 slot, address;
        u8 size_bits;
        bool taken;
    };

    // `piece` becomes its half with the address; the other half is a new piece.
    template <class Split> bool halve(Piece& piece, u64 address, Split split) {
        if (pieces_.size() == Capacity) return false;
        u8 const half_bits = static_cast<u8>(piece.size_bits - 1);
        std::optional<u64> const slot = split(piece.slot, half_bits);
        if (!slot) return false;
        Piece const lower{*slot, piece.address, half_bits, false};
        Piece const upper{*slot + 1, piece.address + (u64{1} << half_bits), half_bits, false};
        bool const in_upper = address >= upper.address;
        piece = in_upper ? upper : lower;
        return pieces_.push(in_upper ? lower : upper);
    }

    FixedVector<Piece, Capacity> pieces_;
};

// SPDX-License-Identifier: Apache-2.0
// Memory for a component: untyped pieces, powers of two each, that together have exactly the bytes
// asked for.
#pragma once

#include <algorithm>
#include <bit>

#include "abi/profile.hpp"
#include "base/fixed_vector.hpp"

// Source: user::UntypedAllocator, or a test's. Piece: what its take() gives. bytes: a multiple of 4
// KiB. Pieces come largest first, each at least 2^smallest bytes. false: there is not enough
// memory, or not in so few pieces; nothing was taken.
template <class Source, class Piece, std::size_t Room>
bool take_bytes(Source& source, u64 bytes, FixedVector<Piece, Room>& pieces,
                unsigned smallest = abi::size_bits::small_page) {
    pieces.clear();
    auto const give_up = [&] {
        for (auto const& piece : pieces) source.give_back(piece);
        pieces.clear();
        return false;
    };
    unsigned largest = abi::size_bits::max_untyped;
    while (bytes != 0) {
        unsigned const size_bits =
            std::min(largest, static_cast<unsigned>(std::bit_width(bytes)) - 1);
        if (size_bits < smallest || pieces.size() == Room) return give_up();
        if (auto const piece = source.take(size_bits)) {
            pieces.push(*piece);
            bytes -= u64{1} << size_bits;
        } else {
            largest = size_bits - 1; // two of half the size will do as well
        }
    }
    return true;
}

// SPDX-License-Identifier: Apache-2.0
#include "linux/frame_pool.hpp"

#include <bit>

namespace libos {

user::Result<FramePool::Taken> FramePool::take() {
    if (free_frames_ == 0) TRY(add_block());
    u64 word = 0;
    while (with_free_[word] == 0) ++word;
    u64 const index = word * 64 + static_cast<u64>(std::countr_zero(with_free_[word]));
    Block& block = *blocks_.find(index);
    unsigned const frame = static_cast<unsigned>(std::countr_zero(block.free));
    block.free &= static_cast<u16>(~(1u << frame));
    if (block.free == 0) with_free_[word] &= ~(u64{1} << (index % 64));
    --free_frames_;
    return Taken{{(index << block_bits) + frame}, (block.used_before >> frame & 1) != 0};
}

void FramePool::give_back(user::Frame frame) {
    u64 const index = frame.cptr >> block_bits;
    Block& block = *blocks_.find(index);
    u16 const bit = static_cast<u16>(1u << (frame.cptr % block_size));
    block.free |= bit;
    block.used_before |= bit;
    with_free_[index / 64] |= u64{1} << (index % 64);
    ++free_frames_;
    // Whole blocks go back to the untyped memory, but not the last few frames: they are wanted
    // again soon.
    if (block.free == block.all && free_frames_ >= 2 * block_size) release(index, block);
}

user::Result<> FramePool::add_block() {
    TRY(memory_.reserve());
    auto made = add_block(block_bits);
    for (unsigned bits : {2u, 0u}) // what is left may be in small pieces
        if (!made) made = add_block(bits);
    return made;
}

user::Result<> FramePool::add_block(unsigned frames_bits) {
    u64 const count = u64{1} << frames_bits;
    user::CPtr const first = TRY(memory_.slots().take_range(count, block_size));
    auto const block = blocks_.make(first >> block_bits);
    auto piece = block ? memory_.untyped().take(abi::size_bits::small_page + frames_bits)
                       : user::Result<user::UntypedPiece*>(std::unexpected(block.error()));
    user::Result<> made;
    if (piece) {
        made = (*piece)->untyped().retype(abi::ObjectType::small_page, 0, memory_.cnode(), first,
                                          count);
        if (!made) memory_.untyped().give_back(*piece);
    } else {
        made = std::unexpected(piece.error());
    }
    if (!made) {
        memory_.slots().give_back_range(first, count);
        return made;
    }
    u16 const all = static_cast<u16>((1u << count) - 1);
    **block = {.piece = *piece, .all = all, .free = all, .used_before = 0, .padding = 0};
    u64 const index = first >> block_bits;
    with_free_[index / 64] |= u64{1} << (index % 64);
    free_frames_ += count;
    return {};
}

void FramePool::release(u64 index, Block& block) {
    u64 const count = static_cast<u64>(std::popcount(block.all));
    memory_.untyped().give_back(block.piece);
    memory_.slots().give_back_range(index << block_bits, count);
    with_free_[index / 64] &= ~(u64{1} << (index % 64));
    free_frames_ -= count;
    block = {};
}

} // namespace libos

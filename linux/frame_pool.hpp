// SPDX-License-Identifier: Apache-2.0
// 4 KiB frames, made sixteen at a time from one untyped: three capabilities per frame would be too
// many.
#pragma once

#include "linux/kernel_memory.hpp"

namespace libos {

class FramePool {
public:
    explicit FramePool(KernelMemory& memory) : memory_(memory), blocks_(memory) {}

    struct Taken {
        user::Frame frame;
        bool used_before; // its contents are not zero
    };
    user::Result<Taken> take();
    void give_back(user::Frame frame); // unmapped by the caller
    u64 free_frames() const { return free_frames_; }
    // Frames that could still be made, at most.
    u64 available() const {
        return free_frames_ + memory_.untyped().free_bytes() / layout::page_size;
    }

private:
    // Frames in consecutive slots, the first a multiple of block_size.
    static constexpr unsigned block_bits = 4, block_size = 1 << block_bits;
    static constexpr u64 block_count = (1 << 16) >> block_bits; // slots of the largest CNode
    struct Block {
        user::UntypedPiece* piece;
        u16 all;  // bit i: frame i exists
        u16 free; // bit i: in the pool
        u16 used_before;
        u16 padding;
    };
    user::Result<> add_block();
    user::Result<> add_block(unsigned frames_bits);
    void release(u64 index, Block& block);

    KernelMemory& memory_;
    SparseTable<Block, layout::block_table, block_count> blocks_;
    u64 with_free_[block_count / 64]{}; // bit i: block i has a free frame
    u64 free_frames_{};
};

} // namespace libos

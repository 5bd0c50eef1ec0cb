// SPDX-License-Identifier: Apache-2.0
// Memory as untyped pieces of any power of two: a buddy allocator whose splits are Retype
// invocations.
//
//   1 MiB (added)                 The kernel gives memory of an untyped back only when all its
//   children are gone, so each ├── 512 KiB (free)            piece handed out is an untyped of its
//   own, used for one purpose and emptied when it comes └── 512 KiB (split)           back. Two
//   free buddies are merged only when a larger piece is wanted: a merged piece is
//       ├── 256 KiB (taken)       zeroed by the kernel when it is used again, which takes time.
//       └── 256 KiB (free)
#pragma once

#include "user/slot_allocator.hpp"
#include "user/untyped.hpp"

namespace user {

class UntypedAllocator;

// One untyped. Owned by the allocator; users hold pointers to taken ones.
class UntypedPiece {
public:
    Untyped untyped() const { return {cptr_}; }
    unsigned size_bits() const { return size_bits_; }

private:
    friend UntypedAllocator;
    enum class State : u8 { unused, free, split, taken };

    CPtr cptr_{};
    UntypedPiece* parent_{}; // null: added by the owner
    UntypedPiece* buddy_{};
    UntypedPiece* next_{}; // in a list of free ones or of unused records
    UntypedPiece* previous_{};
    u8 size_bits_{};
    State state_{};
};

class UntypedAllocator {
public:
    UntypedAllocator(CNode cnode, SlotAllocator& slots) : cnode_(cnode), slots_(slots) {}
    UntypedAllocator(UntypedAllocator const&) = delete;
    UntypedAllocator& operator=(UntypedAllocator const&) = delete;

    // Memory for records: one for each piece added, two more for each split.
    void add_records(std::span<UntypedPiece> records);
    u64 unused_records() const { return unused_count_; }

    // Takes over an untyped without children; it must be RAM.
    Result<> add(Untyped untyped, unsigned size_bits);

    // A piece of exactly this size (abi::size_bits::min_untyped to max_untyped).
    Result<UntypedPiece*> take(unsigned size_bits);
    // Everything that was made from the piece is deleted.
    void give_back(UntypedPiece* piece);

    u64 free_bytes() const { return free_bytes_; }

private:
    Result<UntypedPiece*> find(unsigned size_bits);
    Result<> split(UntypedPiece* piece);
    void merge_all();
    void merge(UntypedPiece* piece);

    UntypedPiece* new_record();
    void forget(UntypedPiece* piece);
    void push_free(UntypedPiece* piece);
    void remove_free(UntypedPiece* piece);

    CNode cnode_;
    SlotAllocator& slots_;
    UntypedPiece* free_[abi::size_bits::max_untyped + 1]{};
    UntypedPiece* unused_{};
    u64 unused_count_{};
    u64 free_bytes_{};
};

} // namespace user

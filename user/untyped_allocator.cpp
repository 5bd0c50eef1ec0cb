// SPDX-License-Identifier: Apache-2.0
#include "user/untyped_allocator.hpp"

namespace user {

void UntypedAllocator::add_records(std::span<UntypedPiece> records) {
    for (UntypedPiece& record : records) {
        record.next_ = unused_;
        unused_ = &record;
        ++unused_count_;
    }
}

Result<> UntypedAllocator::add(Untyped untyped, unsigned size_bits) {
    if (size_bits < abi::size_bits::min_untyped || size_bits > abi::size_bits::max_untyped)
        return fail(Error{.code = abi::Error::range_error,
                          .details = {abi::size_bits::min_untyped, abi::size_bits::max_untyped},
                          .shortage = {}});
    UntypedPiece* const piece = new_record();
    if (!piece) return fail(Error::out_of(Shortage::bookkeeping));
    piece->cptr_ = untyped.cptr;
    piece->size_bits_ = static_cast<u8>(size_bits);
    push_free(piece);
    return {};
}

Result<UntypedPiece*> UntypedAllocator::take(unsigned size_bits) {
    if (size_bits < abi::size_bits::min_untyped) size_bits = abi::size_bits::min_untyped;
    if (size_bits > abi::size_bits::max_untyped) return fail(Error::out_of(Shortage::memory));
    auto found = find(size_bits);
    if (!found) {
        merge_all();
        found = find(size_bits);
    }
    UntypedPiece* const piece = TRY(found);
    remove_free(piece);
    piece->state_ = UntypedPiece::State::taken;
    return piece;
}

void UntypedAllocator::give_back(UntypedPiece* piece) {
    // Revoking an untyped that is ours cannot be refused.
    [[maybe_unused]] auto const revoked = cnode_.revoke(piece->cptr_);
    push_free(piece);
}

// A free piece of the size wanted, after splitting larger ones where needed.
Result<UntypedPiece*> UntypedAllocator::find(unsigned size_bits) {
    unsigned size = size_bits;
    while (size <= abi::size_bits::max_untyped && !free_[size]) ++size;
    if (size > abi::size_bits::max_untyped) return fail(Error::out_of(Shortage::memory));
    for (; size > size_bits; --size) TRY(split(free_[size]));
    return free_[size_bits];
}

Result<> UntypedAllocator::split(UntypedPiece* piece) {
    if (unused_count_ < 2) return fail(Error::out_of(Shortage::bookkeeping));
    UntypedPiece* halves[2]{};
    unsigned const half_bits = piece->size_bits_ - 1u;
    for (UntypedPiece*& half : halves) {
        auto const slot = slots_.take();
        Result<> const made =
            slot ? piece->untyped().retype(abi::ObjectType::untyped, half_bits, cnode_, *slot)
                 : Result<>(std::unexpected(slot.error()));
        if (!made) {
            if (slot) slots_.give_back(*slot);
            if (halves[0]) forget(halves[0]);
            return made;
        }
        half = new_record();
        half->cptr_ = *slot;
        half->parent_ = piece;
        half->size_bits_ = static_cast<u8>(half_bits);
    }
    remove_free(piece);
    piece->state_ = UntypedPiece::State::split;
    halves[0]->buddy_ = halves[1];
    halves[1]->buddy_ = halves[0];
    push_free(halves[1]);
    push_free(halves[0]);
    return {};
}

void UntypedAllocator::merge_all() {
    for (UntypedPiece*& list : free_) {
        UntypedPiece* piece = list;
        while (piece) {
            UntypedPiece* next = piece->next_;
            if (piece->parent_ && piece->buddy_->state_ == UntypedPiece::State::free) {
                if (next == piece->buddy_) next = next->next_;
                merge(piece);
            }
            piece = next;
        }
    }
}

void UntypedAllocator::merge(UntypedPiece* piece) {
    UntypedPiece* const parent = piece->parent_;
    for (UntypedPiece* half : {piece->buddy_, piece}) {
        remove_free(half);
        forget(half);
    }
    push_free(parent);
}

UntypedPiece* UntypedAllocator::new_record() {
    UntypedPiece* const record = unused_;
    if (!record) return nullptr;
    unused_ = record->next_;
    --unused_count_;
    *record = {};
    return record;
}

// Deletes the capability of a half and forgets the half.
void UntypedAllocator::forget(UntypedPiece* piece) {
    if (cnode_.remove(piece->cptr_)) slots_.give_back(piece->cptr_);
    *piece = {};
    add_records({piece, 1});
}

void UntypedAllocator::push_free(UntypedPiece* piece) {
    UntypedPiece*& list = free_[piece->size_bits_];
    piece->state_ = UntypedPiece::State::free;
    piece->previous_ = nullptr;
    piece->next_ = list;
    if (list) list->previous_ = piece;
    list = piece;
    free_bytes_ += u64{1} << piece->size_bits_;
}

void UntypedAllocator::remove_free(UntypedPiece* piece) {
    if (piece->previous_) {
        piece->previous_->next_ = piece->next_;
    } else {
        free_[piece->size_bits_] = piece->next_;
    }
    if (piece->next_) piece->next_->previous_ = piece->previous_;
    piece->next_ = piece->previous_ = nullptr;
    free_bytes_ -= u64{1} << piece->size_bits_;
}

} // namespace user

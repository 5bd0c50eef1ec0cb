// SPDX-License-Identifier: Apache-2.0
// The memory and the slots that root gave the component, and the library OS's own tables in it.
#pragma once

#include "linux/layout.hpp"
#include "user/mapping.hpp"

namespace libos {

class KernelMemory {
public:
    // Takes the untyped pieces and the first half of the free slots that `info` names.
    explicit KernelMemory(protocol::ComponentInfo const& info);

    // Maps a zeroed page of the library OS's own at this address.
    user::Result<> commit(u64 address);
    // Keeps enough records for what one operation may need. Call before an operation that takes
    // memory.
    user::Result<> reserve();

    user::SlotAllocator& slots() { return slots_; }
    user::UntypedAllocator& untyped() { return untyped_; }
    user::ObjectAllocator& objects() { return objects_; }
    user::CNode cnode() const { return {protocol::slot::cnode}; }
    user::VSpace vspace() const { return {protocol::slot::vspace}; }

private:
    static constexpr unsigned most_slots = 1 << 15; // half of a CNode of the largest radix
    static constexpr unsigned enough_records = 96;

    u64 bitmap_[user::SlotAllocator::words_for(most_slots)];
    user::UntypedPiece first_records_[192];
    user::SlotAllocator slots_;
    user::UntypedAllocator untyped_;
    user::ObjectAllocator objects_;
    u64 record_pages_{};
};

// A large array of which only the pages that were written exist. Entries are zero at first.
template <class T, u64 Address, u64 Count> class SparseTable {
    static_assert(layout::page_size % sizeof(T) == 0);
    static constexpr u64 per_page = layout::page_size / sizeof(T);
    static constexpr u64 pages = (Count + per_page - 1) / per_page;

public:
    explicit SparseTable(KernelMemory& memory) : memory_(memory) {}

    // Null when the entry's page does not exist: the entry is zero then.
    T* find(u64 index) { return exists(index / per_page) ? at(index) : nullptr; }
    user::Result<T*> make(u64 index) {
        u64 const page = index / per_page;
        if (!exists(page)) {
            TRY(memory_.commit(Address + page * layout::page_size));
            present_[page / 64] |= u64{1} << (page % 64);
        }
        return at(index);
    }
    // First index after `index` whose page may exist, for loops that skip holes.
    static constexpr u64 next_page(u64 index) { return (index / per_page + 1) * per_page; }

private:
    bool exists(u64 page) const { return (present_[page / 64] >> (page % 64) & 1) != 0; }
    static T* at(u64 index) { return reinterpret_cast<T*>(Address) + index; }

    KernelMemory& memory_;
    u64 present_[(pages + 63) / 64]{};
};

} // namespace libos

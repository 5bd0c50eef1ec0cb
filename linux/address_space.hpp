// SPDX-License-Identifier: Apache-2.0
// The program's memory: regions as the program asked for them, and frames where it touched them.
//
//   regions   [0x400000 r-x program] [0x480000 rw- heap]     [0x100000000000 rw- mmap] ... sorted,
//   disjoint backing   one word per page of the windows (layout.hpp): the slot of the page's frame,
//   or 0
//
// Memory is lazy: a page gets its frame at the first touch, by the program (page fault upcall) or
// by the library OS (touch()). So that a program which runs out of memory hears it from mmap or brk
// and not from a fault, writable regions are counted against the memory there is ("promised"),
// except stacks and what is mapped MAP_NORESERVE.
#pragma once

#include "linux/errno.hpp"
#include "linux/frame_pool.hpp"

namespace libos {

namespace protection { // Linux's PROT_ bits
inline constexpr u8 read = 1, write = 2, execute = 4;
}

struct Region {
    u64 start, end; // page aligned
    u64 file;       // where its contents are mapped; 0: zeroes
    u64 file_end;   // zeroes from here on
    u8 protection;
    bool uncounted; // not promised in any case
    u8 padding[30];
    bool promised() const {
        return !uncounted && ((protection & protection::write) != 0 || file != 0);
    }
};
static_assert(sizeof(Region) == 64);

class AddressSpace {
public:
    AddressSpace(KernelMemory& memory, FramePool& frames);

    // Adds a region at exactly [region.start, region.end), replacing what is there.
    Done map(Region region);
    // A free place for `bytes` in the mmap window.
    std::expected<u64, Errno> find_place(u64 bytes) const;
    Done unmap(u64 start, u64 end);
    // The whole range must be mapped.
    Done protect(u64 start, u64 end, u8 protection);
    // Contents are lost; the region stays.
    void discard(u64 start, u64 end);
    // Moves a region's pages to `to`, where nothing may be mapped; the old range is gone then.
    Done move(u64 start, u64 end, u64 to);
    bool is_free(u64 start, u64 end) const { return first_overlap(start, end) == count_; }
    // The region at an address; null if there is none.
    Region const* find(u64 address) const;

    u64 reserve() const { return reserve_ * layout::page_size; } // bytes that are never promised
    // Whether so many bytes could go to other uses without breaking a promise.
    bool can_spare(u64 bytes) const {
        return promised_ + bytes / layout::page_size + reserve_ <= frames_.available();
    }

    // Gives the page its frame. False if the address is not the program's to touch that way, or
    // memory has run out.
    enum class Touch { ok, forbidden, no_memory };
    Touch touch(u64 address, bool write, bool execute = false);
    // The same for a range that the library OS is about to read or write.
    Done touch_range(u64 address, u64 size, bool write);

private:
    static constexpr u64 max_regions = 16384;
    using Regions = SparseTable<Region, layout::region_table, max_regions>;
    using Backing = SparseTable<u32, layout::backing_table, layout::page_count>;

    Region& region(u64 index) { return *regions_.find(index); }
    Region const& region(u64 index) const { return *regions_.find(index); }
    u64 first_overlap(u64 start, u64 end) const; // index; count_ if none
    u64 first_ending_after(u64 address) const;
    Done insert(u64 index, Region const& region);
    void erase(u64 index);
    Done split_at(u64 address);
    Done carve(u64 start, u64 end);
    Done promise(u64 pages);
    u64 unbacked(u64 start, u64 end);
    void release(u64 start, u64 end);
    template <class Function> void for_each_backed(u64 start, u64 end, Function function);
    user::Result<> map_frame(user::Frame frame, u64 address, u8 protection);

    KernelMemory& memory_;
    FramePool& frames_;
    mutable Regions regions_;
    Backing backing_;
    u64 count_{};    // of regions
    u64 promised_{}; // pages in promised regions that have no frame yet
    u64 reserve_;    // pages kept for page tables, threads and stacks
};

} // namespace libos

// SPDX-License-Identifier: Apache-2.0
#include "linux/address_space.hpp"

#include <algorithm>
#include <cstring>

namespace libos {
namespace {

constexpr u64 pages(u64 start, u64 end) { return (end - start) / layout::page_size; }

bool in_a_window(u64 start, u64 end) {
    for (layout::Window const& window : {layout::program, layout::anonymous, layout::main_stack})
        if (start >= window.start && end <= window.end) return start < end;
    return false;
}

} // namespace

AddressSpace::AddressSpace(KernelMemory& memory, FramePool& frames)
    : memory_(memory), frames_(frames), regions_(memory), backing_(memory),
      reserve_(32 + frames.available() / 64) {}

Done AddressSpace::map(Region added) {
    if (!in_a_window(added.start, added.end)) return fail_with(ENOMEM);
    TRY(unmap(added.start, added.end));
    if (added.promised()) TRY(promise(pages(added.start, added.end)));
    u64 const at = first_ending_after(added.start);
    if (auto const inserted = insert(at, added); !inserted) {
        if (added.promised()) promised_ -= pages(added.start, added.end);
        return inserted;
    }
    return {};
}

std::expected<u64, Errno> AddressSpace::find_place(u64 bytes) const {
    u64 place = layout::anonymous.start;
    for (u64 i = first_ending_after(place); i < count_; ++i) {
        if (region(i).start >= layout::anonymous.end || region(i).start - place >= bytes) break;
        place = region(i).end;
    }
    if (bytes > layout::anonymous.end - place) return fail_with(ENOMEM);
    return place;
}

Done AddressSpace::unmap(u64 start, u64 end) {
    TRY(carve(start, end));
    for (u64 i = first_overlap(start, end); i < count_ && region(i).start < end;) {
        if (region(i).promised()) promised_ -= unbacked(region(i).start, region(i).end);
        release(region(i).start, region(i).end);
        erase(i);
    }
    return {};
}

Done AddressSpace::protect(u64 start, u64 end, u8 protection) {
    u64 covered = start;
    u64 newly_promised = 0;
    for (u64 i = first_overlap(start, end); i < count_ && region(i).start < end; ++i) {
        if (region(i).start > covered) return fail_with(ENOMEM);
        u64 const from = std::max(start, region(i).start), to = std::min(end, region(i).end);
        Region changed = region(i);
        changed.protection = protection;
        if (changed.promised() && !region(i).promised()) newly_promised += unbacked(from, to);
        covered = to;
    }
    if (covered < end) return fail_with(ENOMEM);
    TRY(carve(start, end));
    TRY(promise(newly_promised));
    for (u64 i = first_overlap(start, end); i < count_ && region(i).start < end; ++i) {
        Region& changed = region(i);
        bool const was_promised = changed.promised();
        if (changed.protection == protection) continue;
        changed.protection = protection;
        if (was_promised && !changed.promised()) promised_ -= unbacked(changed.start, changed.end);
        for_each_backed(changed.start, changed.end, [&](u64 address, u32& slot) {
            // The page tables are there and the rights only shrink to the frame's own: this cannot
            // be refused.
            [[maybe_unused]] auto const mapped = map_frame({slot}, address, protection);
        });
    }
    return {};
}

void AddressSpace::discard(u64 start, u64 end) {
    for (u64 i = first_overlap(start, end); i < count_ && region(i).start < end; ++i) {
        u64 const from = std::max(start, region(i).start), to = std::min(end, region(i).end);
        u64 const before = unbacked(from, to);
        release(from, to);
        if (region(i).promised()) promised_ += pages(from, to) - before;
    }
}

Done AddressSpace::move(u64 start, u64 end, u64 to) {
    TRY(carve(start, end));
    u64 const index = first_overlap(start, end);
    Region moved = region(index);
    moved.start = to;
    moved.end = to + (end - start);
    if (!in_a_window(moved.start, moved.end)) return fail_with(ENOMEM);
    Done outcome;
    for_each_backed(start, end, [&](u64 address, u32& slot) {
        u64 const target = address - start + to;
        auto const entry =
            outcome ? backing_.make(layout::page_number(target)) : user::Result<u32*>(nullptr);
        if (!outcome || !entry || !user::Frame{slot}.unmap() ||
            !map_frame({slot}, target, moved.protection)) {
            outcome = fail_with(ENOMEM);
            return;
        }
        **entry = std::exchange(slot, 0);
    });
    TRY(outcome);
    erase(index);
    return insert(first_ending_after(moved.start), moved);
}

Region const* AddressSpace::find(u64 address) const {
    u64 const index = first_ending_after(address);
    return index < count_ && region(index).start <= address ? &region(index) : nullptr;
}

AddressSpace::Touch AddressSpace::touch(u64 address, bool write, bool execute) {
    Region const* const region = find(address);
    u8 const needed = write ? protection::write : execute ? protection::execute : protection::read;
    // The processor cannot forbid reading what may be written or executed.
    bool const allowed = region && ((region->protection & needed) != 0 ||
                                    (needed == protection::read && region->protection != 0));
    if (!allowed) return Touch::forbidden;
    u64 const page = VirtAddr{address}.align_down(12).value;
    auto const entry = backing_.make(layout::page_number(page));
    if (!entry) return Touch::no_memory;
    if (**entry != 0) return Touch::ok; // another thread was faster
    auto const taken = frames_.take();
    if (!taken || !map_frame(taken->frame, page, protection::read | protection::write)) {
        if (taken) frames_.give_back(taken->frame);
        return Touch::no_memory;
    }
    auto* const bytes = reinterpret_cast<char*>(page);
    if (taken->used_before) std::memset(bytes, 0, layout::page_size);
    u64 const source = region->file + (page - region->start);
    if (region->file != 0 && source < region->file_end)
        std::memcpy(bytes, reinterpret_cast<void const*>(source),
                    std::min(layout::page_size, region->file_end - source));
    if (region->protection != (protection::read | protection::write)) [[maybe_unused]]
        auto const mapped = map_frame(taken->frame, page, region->protection);
    **entry = static_cast<u32>(taken->frame.cptr);
    if (region->promised()) --promised_;
    return Touch::ok;
}

Done AddressSpace::touch_range(u64 address, u64 size, bool write) {
    if (size == 0) return {};
    if (address + size < address) return fail_with(EFAULT);
    for (u64 page = VirtAddr{address}.align_down(12).value; page < address + size;
         page += layout::page_size) {
        if (layout::page_number(page) == layout::page_count) {
            // The program's own mappings and what root mapped: only the program knows whether they
            // are there.
            bool const own =
                page >= protocol::program_window && page < protocol::program_window_end;
            bool const roots = page >= protocol::info_address && page < 0x0000800000000000;
            if (!own && !roots) return fail_with(EFAULT);
            continue;
        }
        switch (touch(page, write)) {
        case Touch::ok: break;
        case Touch::forbidden: return fail_with(EFAULT);
        case Touch::no_memory: return fail_with(ENOMEM);
        }
    }
    return {};
}

u64 AddressSpace::first_ending_after(u64 address) const {
    u64 low = 0, high = count_;
    while (low < high) {
        u64 const middle = (low + high) / 2;
        if (region(middle).end > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

u64 AddressSpace::first_overlap(u64 start, u64 end) const {
    u64 const index = first_ending_after(start);
    return index < count_ && region(index).start < end ? index : count_;
}

Done AddressSpace::insert(u64 index, Region const& added) {
    // A neighbour that differs only in its place grows instead.
    if (index > 0 && added.file == 0 && region(index - 1).end == added.start &&
        region(index - 1).file == 0 && region(index - 1).protection == added.protection &&
        region(index - 1).uncounted == added.uncounted) {
        region(index - 1).end = added.end;
        return {};
    }
    if (count_ == max_regions || !memory_.reserve() || !regions_.make(count_))
        return fail_with(ENOMEM);
    for (u64 i = count_; i > index; --i) region(i) = region(i - 1);
    ++count_;
    region(index) = added;
    return {};
}

void AddressSpace::erase(u64 index) {
    --count_;
    for (u64 i = index; i < count_; ++i) region(i) = region(i + 1);
}

// Makes `address` the border of two regions, if it is inside one.
Done AddressSpace::split_at(u64 address) {
    u64 const index = first_ending_after(address);
    if (index == count_ || region(index).start >= address) return {};
    if (count_ == max_regions || !memory_.reserve() || !regions_.make(count_))
        return fail_with(ENOMEM);
    for (u64 i = count_; i > index; --i) region(i) = region(i - 1);
    ++count_;
    Region& upper = region(index + 1);
    region(index).end = address;
    if (upper.file != 0) upper.file += address - upper.start;
    upper.start = address;
    return {};
}

Done AddressSpace::carve(u64 start, u64 end) {
    TRY(split_at(start));
    return split_at(end);
}

Done AddressSpace::promise(u64 count) {
    if (count != 0 && promised_ + count + reserve_ > frames_.available()) return fail_with(ENOMEM);
    promised_ += count;
    return {};
}

template <class Function>
void AddressSpace::for_each_backed(u64 start, u64 end, Function function) {
    u64 const first = layout::page_number(start);
    u64 const count = pages(start, end);
    for (u64 i = 0; i < count;) {
        u32* const slot = backing_.find(first + i);
        if (!slot) {
            i = Backing::next_page(first + i) - first;
            continue;
        }
        if (*slot != 0) function(start + i * layout::page_size, *slot);
        ++i;
    }
}

u64 AddressSpace::unbacked(u64 start, u64 end) {
    u64 count = pages(start, end);
    for_each_backed(start, end, [&](u64, u32&) { --count; });
    return count;
}

void AddressSpace::release(u64 start, u64 end) {
    for_each_backed(start, end, [&](u64, u32& slot) {
        user::Frame const frame{std::exchange(slot, 0)};
        [[maybe_unused]] auto const unmapped = frame.unmap(); // always succeeds
        frames_.give_back(frame);
    });
}

user::Result<> AddressSpace::map_frame(user::Frame frame, u64 address, u8 protection) {
    TRY(memory_.reserve());
    u64 const rights = (protection != 0 ? abi::right::read : 0) |
                       ((protection & protection::write) != 0 ? abi::right::write : 0);
    bool const execute = (protection & protection::execute) != 0;
    return user::map(memory_.objects(), memory_.vspace(), frame, {address}, rights,
                     abi::attribute::ExecuteNever::make(!execute));
}

} // namespace libos

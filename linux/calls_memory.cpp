// SPDX-License-Identifier: Apache-2.0
// mmap and its relatives.
#include <linux/mman.h>

#include <algorithm>
#include <cstring>

#include "linux/process.hpp"

namespace libos {
namespace {

constexpr u64 map_stack = 0x20000; // MAP_STACK, which glibc gives for threads' stacks
constexpr u64 supported_protection = protection::read | protection::write | protection::execute;

u64 round_up(u64 value) { return VirtAddr{value}.align_up(12).value; }
bool is_page(u64 value) { return value % layout::page_size == 0; }

} // namespace

Outcome Process::mmap(Thread&, Arguments const& arguments) {
    auto const [address, size, protection, flags, descriptor, offset] = arguments.a;
    if (size == 0 || !is_page(offset)) return fail_with(EINVAL);
    if (size > layout::anonymous.end - layout::anonymous.start) return fail_with(ENOMEM);
    bool const shared =
        (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
    bool const anonymous = (flags & MAP_ANONYMOUS) != 0;
    bool const writable = (protection & protection::write) != 0;
    u64 const bytes = round_up(size);

    Region region{.start = 0,
                  .end = 0,
                  .file = 0,
                  .file_end = 0,
                  .protection = static_cast<u8>(protection & supported_protection),
                  .uncounted =
                      (flags & map_stack) != 0 || ((flags & MAP_NORESERVE) != 0 && writable),
                  .padding = {}};
    if (!anonymous) {
        OpenFile const* const open = file(descriptor);
        if (!open) return fail_with(EBADF);
        if (shared && writable) return fail_with(EACCES); // files are read-only
        region.file = open->grant->address + offset;
        region.file_end = std::max(region.file, open->grant->address + open->grant->second);
    }
    bool const fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
    if (fixed && !is_page(address)) return fail_with(EINVAL);
    if ((flags & MAP_FIXED_NOREPLACE) != 0 && !space_.is_free(address, address + bytes))
        return fail_with(EEXIST);
    region.start = fixed ? address : TRY(space_.find_place(bytes));
    region.end = region.start + bytes;
    if (region.end < region.start) return fail_with(ENOMEM);
    TRY(space_.map(region));
    return region.start;
}

Outcome Process::mprotect(Thread&, Arguments const& arguments) {
    auto const [address, size, protection, a3, a4, a5] = arguments.a;
    u64 const end = address + round_up(size);
    if (!is_page(address) || end < address) return fail_with(EINVAL);
    TRY(space_.protect(address, end, static_cast<u8>(protection & supported_protection)));
    return 0;
}

Outcome Process::munmap(Thread&, Arguments const& arguments) {
    u64 const start = arguments.a[0], end = start + round_up(arguments.a[1]);
    if (!is_page(start) || end <= start) return fail_with(EINVAL);
    TRY(space_.unmap(start, end));
    return 0;
}

Outcome Process::mremap(Thread&, Arguments const& arguments) {
    auto const [old_address, old_size, new_size, flags, new_address, a5] = arguments.a;
    u64 const start = old_address, old_end = start + round_up(old_size),
              new_end = start + round_up(new_size);
    if (!is_page(start) || new_end <= start || (flags & MREMAP_FIXED) != 0)
        return fail_with(EINVAL);
    Region const* const found = space_.find(start);
    if (!found || found->end < old_end || old_end <= start) return fail_with(EFAULT);
    if (new_end <= old_end) {
        if (new_end < old_end) TRY(space_.unmap(new_end, old_end));
        return start;
    }
    Region grown = *found;
    if (grown.file != 0) return fail_with(EINVAL);
    if (space_.is_free(old_end, new_end) &&
        layout::page_number(new_end - 1) != layout::page_count) {
        grown.start = old_end;
        grown.end = new_end;
        TRY(space_.map(grown));
        return start;
    }
    if ((flags & MREMAP_MAYMOVE) == 0) return fail_with(ENOMEM);
    u64 const place = TRY(space_.find_place(new_end - start));
    grown.start = place + (old_end - start);
    grown.end = place + (new_end - start);
    TRY(space_.map(grown)); // the new part first: only this may lack memory
    TRY(space_.move(start, old_end, place));
    return place;
}

Outcome Process::madvise(Thread&, Arguments const& arguments) {
    u64 const start = arguments.a[0], end = start + round_up(arguments.a[1]);
    if (!is_page(start) || end < start) return fail_with(EINVAL);
    if (arguments.a[2] == MADV_DONTNEED) space_.discard(start, end);
    return 0; // all other advice may be ignored
}

Outcome Process::brk(Thread&, Arguments const& arguments) {
    u64 const wanted = arguments.a[0];
    if (wanted < heap_start_ || wanted > layout::program.end) return heap_end_;
    u64 const old_end = round_up(heap_end_), new_end = round_up(wanted);
    if (new_end > old_end) {
        Region const added{.start = old_end,
                           .end = new_end,
                           .file = 0,
                           .file_end = 0,
                           .protection = protection::read | protection::write,
                           .uncounted = false,
                           .padding = {}};
        if (!space_.is_free(old_end, new_end) || !space_.map(added)) return heap_end_;
    } else if (new_end < old_end && !space_.unmap(new_end, old_end)) {
        return heap_end_;
    }
    heap_end_ = wanted;
    return heap_end_;
}

Outcome Process::take_memory(Thread&, Arguments const& arguments) {
    auto const [size_bits, slot, a2, a3, a4, a5] = arguments.a;
    if (size_bits < abi::size_bits::min_untyped || size_bits > abi::size_bits::max_untyped)
        return fail_with(EINVAL);
    if (!space_.can_spare(u64{1} << size_bits)) return fail_with(ENOMEM);
    if (!memory_.reserve()) return fail_with(ENOMEM);
    auto const piece = memory_.untyped().take(static_cast<unsigned>(size_bits));
    if (!piece) return fail_with(ENOMEM);
    user::CPtr const ours = (*piece)->untyped().cptr;
    if (!memory_.cnode().move(slot, memory_.cnode().at(ours))) { // the program's slot is not free
        memory_.untyped().give_back(*piece);
        return fail_with(EINVAL);
    }
    memory_.slots().give_back(ours); // the piece stays taken for good
    return 0;
}

} // namespace libos

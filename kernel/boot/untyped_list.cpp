// SPDX-License-Identifier: Apache-2.0
#include "kernel/boot/untyped_list.hpp"

#include <bit>

#include "abi/profile.hpp"

void cut_into_pieces(MemoryRange range, bool device, UntypedList& list) {
    u64 at = range.start.value;
    while (at < range.end.value) {
        auto bits = static_cast<unsigned>(std::bit_width(range.end.value - at) - 1);
        if (at != 0 && static_cast<unsigned>(std::countr_zero(at)) < bits)
            bits = static_cast<unsigned>(std::countr_zero(at));
        if (bits > abi::size_bits::max_untyped) bits = abi::size_bits::max_untyped;
        if (bits >= abi::size_bits::min_untyped) list.push({{at}, bits, device});
        at += u64{1} << bits;
    }
}

namespace {

// Visits what lies in [start, end) outside the ranges of `used`, ascending; sorts `used` for that.
template <class Used, class Visit> void for_each_gap(u64 start, u64 end, Used& used, Visit visit) {
    for (std::size_t i = 1; i < used.size(); ++i) // few: insertion sort
        for (std::size_t j = i; j > 0 && used[j].start < used[j - 1].start; --j) std::swap(used[j], used[j - 1]);
    u64 at = start;
    for (MemoryRange const& range : used) {
        if (range.start.value > at) visit(MemoryRange{{at}, {range.start.value < end ? range.start.value : end}});
        if (range.end.value > at) at = range.end.value;
        if (at >= end) return;
    }
    visit(MemoryRange{{at}, {end}});
}

} // namespace

void list_device_memory(Environment const& environment, UntypedList& list) {
    FixedVector<MemoryRange, 33> used;
    used.push(environment.kernel_image); // also if the loader does not call it RAM
    for (MemoryRange const& range : environment.ram) used.push(range);
    for (MemoryRange const& range : environment.kernel_devices) used.push(range);
    for_each_gap(0, u64{1} << abi::size_bits::max_untyped, used,
                 [&](MemoryRange gap) { cut_into_pieces(gap, true, list); });
}

void list_ram(Environment const& environment, TakenRanges const& taken, UntypedList& list) {
    for (MemoryRange const& ram : environment.ram) {
        TakenRanges used = taken;
        for_each_gap(ram.start.value, ram.end.value, used,
                     [&](MemoryRange gap) { cut_into_pieces(gap, false, list); });
    }
}

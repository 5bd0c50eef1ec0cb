// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/paging.hpp"

#include "kernel/machine/machine.hpp"
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/features.hpp"
#include "kernel/machine/x86_64/instructions.hpp"
#include "x86/paging.hpp"

namespace machine {
namespace {

constexpr u64 gib = u64{1} << level_shift::pdpt;
constexpr u64 two_mib = u64{1} << level_shift::page_directory;
constexpr u64 page = u64{1} << level_shift::page_table;

struct Table {
    alignas(4096) PageEntry entries[page_table_entries];
};

// kernel.ld. The pool has 88 tables: a directory for each GiB of a window of 2 MiB pages, and what image and devices need.
extern "C" std::byte text_start[], text_end[], rodata_end[], kernel_stack_guard[], boot_tables_start[],
    boot_tables_end[];
extern "C" Table page_pool_start[], page_pool_end[];
constexpr u64 max_gib_of_small_pages = 64;

constinit Table* next_table = page_pool_start;
constinit Table kernel_pml4{};
constinit Table kernel_pdpt{};
constinit Table pml4_32{}, pdpt_32{}; // of 32-bit threads: the kernel's part, and four entries from elsewhere, or five

PhysAddr image_physical(void const* object) { return {reinterpret_cast<u64>(object) - image_base}; }

constexpr u64 kernel_page = PageEntry::Present::mask | PageEntry::Accessed::mask | PageEntry::Global::mask;
constexpr u64 writable = PageEntry::Write::mask | PageEntry::Dirty::mask;
constexpr u64 uncached = PageEntry::WriteThrough::mask | PageEntry::CacheDisable::mask; // PAT entry 3
constinit u64 no_execute = 0; // NoExecute::mask where the processor has it

// The table that an entry of the level above points to; made when it is first needed.
Table& table_below(PageEntry& entry) {
    if (!entry.present()) {
        if (next_table == page_pool_end) fatal("out of kernel page tables: too many separate ranges of RAM");
        entry.word = image_physical(next_table++).value | PageEntry::Present::mask | PageEntry::Write::mask;
    }
    return *reinterpret_cast<Table*>(entry.frame().value + image_base);
}

void map(u64 address, PhysAddr physical, unsigned shift, u64 attributes) {
    auto const index = [address](unsigned level) { return address >> level & (page_table_entries - 1); };
    PageEntry* entry = &kernel_pdpt.entries[index(level_shift::pdpt)];
    if (shift < level_shift::pdpt) entry = &table_below(*entry).entries[index(level_shift::page_directory)];
    if (shift < level_shift::page_directory)
        entry = &table_below(*entry).entries[index(level_shift::page_table)];
    u64 const large = shift > level_shift::page_table ? PageEntry::Large::mask : 0;
    entry->word = physical.value | attributes | large;
}

void map_image() {
    auto const map_part = [](std::byte const* start, std::byte const* end, u64 attributes) {
        for (; start < end; start += page) {
            if (start != kernel_stack_guard)
                map(reinterpret_cast<u64>(start), image_physical(start), level_shift::page_table, attributes);
        }
    };
    map_part(text_start, text_end, kernel_page);
    map_part(text_end, rodata_end, kernel_page | no_execute);
    map_part(rodata_end, reinterpret_cast<std::byte const*>(page_pool_end),
             kernel_page | writable | no_execute);
}

// One chunk of 2 MiB that holds a part of the kernel: its text and constants must not be writable here either.
void map_window_round_kernel(u64 chunk) {
    u64 const first = image_physical(text_start).value, last = image_physical(rodata_end).value;
    for (u64 at = chunk; at < chunk + two_mib; at += page) {
        if (at < 0x100000) continue;
        bool const constant = at >= first && at < last;
        map(window_base + at, {at}, level_shift::page_table,
            kernel_page | no_execute | (constant ? 0 : writable));
    }
}

void map_window(MemoryRange const& ram) {
    u64 const kernel_end = image_physical(rodata_end).align_up(level_shift::page_directory).value;
    u64 at = ram.start.align_down(level_shift::page_directory).value;
    while (at < ram.end.value) {
        bool const whole_gib =
            at % gib == 0 && at >= ram.start.value && at + gib <= ram.end.value && at >= kernel_end;
        if (whole_gib && features().one_gib_pages) {
            map(window_base + at, {at}, level_shift::pdpt, kernel_page | writable | no_execute);
            at += gib;
            continue;
        }
        if (at < kernel_end)
            map_window_round_kernel(at);
        else
            map(window_base + at, {at}, level_shift::page_directory, kernel_page | writable | no_execute);
        at += two_mib;
    }
}

} // namespace

u64 mappable_ram_end() { return features().one_gib_pages ? window_bytes : max_gib_of_small_pages * gib; }

MemoryRange image_range() { return {{0x100000}, image_physical(next_table)}; }

MemoryRange boot_tables_range() {
    return {image_physical(boot_tables_start), image_physical(boot_tables_end)};
}

void load_kernel_tables(FixedVector<MemoryRange, 16> const& ram, FixedVector<PhysAddr, 16> const& devices) {
    if (features().no_execute) no_execute = PageEntry::NoExecute::mask;
    kernel_pml4.entries[511].word =
        image_physical(&kernel_pdpt).value | PageEntry::Present::mask | PageEntry::Write::mask;
    constexpr u64 user_table = PageEntry::Present::mask | PageEntry::Write::mask | PageEntry::User::mask;
    pml4_32.entries[0].word = image_physical(&pdpt_32).value | user_table;
    pml4_32.entries[511] = kernel_pml4.entries[511];
    map_image();
    for (auto const& range : ram) map_window(range);
    for (unsigned i = 0; i < devices.size(); ++i)
        map(device_page(i), devices[i], level_shift::page_table,
            kernel_page | writable | uncached | no_execute);
    processor::write_cr3(image_physical(&kernel_pml4).value);
}

std::byte* window(PhysAddr address) { return reinterpret_cast<std::byte*>(address.value + window_base); }
// The window lies at a multiple of more than its size: an AND, which the compiler joins with how the pointer was made.
PhysAddr physical(void const* in_window) { return {reinterpret_cast<u64>(in_window) & ~window_base}; }
PhysAddr kernel_address_space() { return image_physical(&kernel_pml4); }
void add_kernel_part(u64* pml4) { pml4[511] = kernel_pml4.entries[511].word; }
PhysAddr root_32(u64 upper) {
    pml4_32.entries[1].word = upper;
    return image_physical(&pml4_32);
}
void compose_space_32(u64 const (&gibibytes)[4]) {
    for (unsigned i = 0; i < 4; ++i) pdpt_32.entries[i].word = gibibytes[i];
}
bool execute_never_works() { return features().no_execute; }

} // namespace machine

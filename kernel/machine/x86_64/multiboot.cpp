// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/x86_64/multiboot.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/machine/machine.hpp"
#include "kernel/machine/print.hpp"
#include "kernel/machine/x86_64/paging.hpp"

namespace machine {
namespace {

constexpr u32 multiboot1_magic = 0x2badb002, multiboot2_magic = 0x36d76289;
constexpr u32 type_ram = 1;
constexpr u64 first_usable = 0x100000;

template <class T> T load(PhysAddr address) {
    if (address.value + sizeof(T) > boot_window_bytes) fatal("the loader's information lies above 4 GiB");
    T object;
    std::memcpy(&object, window(address), sizeof object);
    return object;
}

void add_ram(Environment& environment, u64 base, u64 length) {
    u64 const limit = mappable_ram_end();
    if (base < first_usable || base >= limit) return;
    PhysAddr const start = PhysAddr{base}.align_up(12);
    PhysAddr const end = PhysAddr{length > limit - base ? limit : base + length}.align_down(12);
    if (end <= start) return;
    if (!environment.ram.push({start, end}))
        print_line("more than 16 ranges of RAM: the one at ", Hex{base}, " is not used");
}

void add_map_entry(Environment& environment, LoaderMapEntry const& entry) {
    environment.loader_map.push(entry); // at most 50 are passed on
    if (entry.type == type_ram) add_ram(environment, entry.base, entry.length);
}

constexpr u64 command_line_limit = 512; // bytes looked at
struct CommandLineText {
    char text[command_line_limit];
};

struct Multiboot1 {
    u32 flags, mem_lower, mem_upper, boot_device, command_line, modules_count, modules_address;
    u32 symbols[4];
    u32 map_length, map_address;
    using HasMemory = Bits<0>;
    using HasCommandLine = Bits<2>;
    using HasModules = Bits<3>;
    using HasMap = Bits<6>;
};
static_assert(offsetof(Multiboot1, map_address) == 48);

struct Multiboot1Module {
    u32 start, end, text, reserved;
};

void read_multiboot1(PhysAddr address, Environment& environment) {
    auto const information = load<Multiboot1>(address);
    if (!Multiboot1::HasMemory::get(information.flags))
        fatal("the loader gave no memory information (multiboot flag 0)");
    if (Multiboot1::HasMap::get(information.flags)) {
        for (u32 at = 0; at + sizeof(LoaderMapEntry) <= information.map_length; at += sizeof(LoaderMapEntry))
            add_map_entry(environment, load<LoaderMapEntry>({u64{information.map_address} + at}));
    } else {
        add_ram(environment, first_usable, u64{information.mem_upper} * 1024);
    }
    if (Multiboot1::HasCommandLine::get(information.flags))
        environment.command_line = read_command_line(load<CommandLineText>({information.command_line}).text, command_line_limit);
    if (!Multiboot1::HasModules::get(information.flags) || information.modules_count == 0) return;
    auto const module = load<Multiboot1Module>({information.modules_address});
    environment.root_module = {{module.start}, {module.end}};
}

struct Multiboot2Tag {
    u32 type, size;
    static constexpr u32 end = 0, command_line = 1, module = 3, memory_map = 6;
};

void read_multiboot2(PhysAddr address, Environment& environment) {
    u32 const total = load<u32>(address);
    for (u32 at = 8; at + sizeof(Multiboot2Tag) <= total;) {
        PhysAddr const here = address + at;
        auto const tag = load<Multiboot2Tag>(here);
        if (tag.type == Multiboot2Tag::end) return;
        if (tag.size < sizeof(Multiboot2Tag) || tag.size > total - at)
            fatal("the loader's information has a tag of a wrong size");
        if (tag.type == Multiboot2Tag::module && environment.root_module.end.value == 0)
            environment.root_module = {{load<u32>(here + 8)}, {load<u32>(here + 12)}};
        if (tag.type == Multiboot2Tag::command_line) {
            environment.command_line = read_command_line(load<CommandLineText>(here + sizeof tag).text,
                                                     std::min<u64>(tag.size - sizeof tag, command_line_limit));
        }
        if (tag.type == Multiboot2Tag::memory_map) {
            constexpr u32 entries = 16, entry_size = 24;
            for (u32 entry = entries; entry + entry_size <= tag.size; entry += entry_size) {
                PhysAddr const map = here + entry;
                if (load<u32>(map + 16) == type_ram) add_ram(environment, load<u64>(map), load<u64>(map + 8));
            }
        }
        at += (tag.size + 7) & ~u32{7};
    }
}

// Ascending and without overlaps: a loader's map may be in any order.
void sort_ram(Environment& environment) {
    auto found = environment.ram;
    std::sort(found.begin(), found.end(), [](MemoryRange const& a, MemoryRange const& b) { return a.start < b.start; });
    environment.ram.clear();
    PhysAddr taken{};
    for (auto const& range : found) {
        PhysAddr const start = std::max(range.start, taken);
        if (start < range.end) environment.ram.push({start, range.end});
        taken = std::max(taken, range.end);
    }
}

void check_root_module(Environment const& environment) {
    MemoryRange const& module = environment.root_module;
    if (module.end <= module.start)
        fatal("no root task: give an ELF file as the first boot module (-initrd)");
    MemoryRange const image = image_range();
    bool const overlaps = module.start < image.end && image.start < module.end;
    bool const in_ram =
        std::any_of(environment.ram.begin(), environment.ram.end(), [&](MemoryRange const& range) {
            return range.start <= module.start && module.end <= range.end;
        });
    if (overlaps || !in_ram) {
        fatal("the root task at ", Hex{module.start.value}, "..", Hex{module.end.value}, " lies ",
              overlaps ? "in the kernel image" : "outside usable RAM");
    }
}

} // namespace

void read_loader_information(u32 magic, PhysAddr information, Environment& environment) {
    if (magic == multiboot1_magic)
        read_multiboot1(information, environment);
    else if (magic == multiboot2_magic)
        read_multiboot2(information, environment);
    else
        fatal("not started by a multiboot loader (eax was ", Hex{magic}, ")");
    sort_ram(environment);
    if (environment.ram.empty()) fatal("the loader reported no RAM above 1 MiB");
    check_root_module(environment);
}

} // namespace machine

// SPDX-License-Identifier: Apache-2.0
// Mapping pages, and making whole address spaces.
#include "bench/kernel/invocation.hpp"
#include "bench/kernel/measurements.hpp"

namespace {

using enum abi::Label;
using abi::ObjectType;

constexpr u64 page_size = 4096;
constexpr u64 pages_address = 0x50000000; // 2 MiB, page table and all above it present
constexpr u64 read_write = abi::right::read | abi::right::write;
constexpr u64 many = 256;

u64 map_page(user::CPtr frame, u64 address, u64 rights, user::CPtr space) {
    return timed_invocation(frame, x86_page_map, {address, rights, 0}, {space});
}
u64 unmap_page(user::CPtr frame) { return timed_invocation(frame, x86_page_unmap); }

void measure_page(World& world) {
    auto const owner = world.make<user::Frame>();
    auto const frame = owner.cptr();
    auto const space = world.space.cptr;
    must("map a page", user::map(world.objects, world.space, owner.object(), VirtAddr{pages_address}, read_write));
    unmap_page(frame);

    report(name("page.map"), least([&] {
               u64 const count = map_page(frame, pages_address, read_write, space);
               unmap_page(frame);
               return count;
           }));
    report(name("page.unmap"), least([&] {
               map_page(frame, pages_address, read_write, space);
               return unmap_page(frame);
           }));
    report(name("page.remap_ro"), least([&] {
               map_page(frame, pages_address, read_write, space);
               return map_page(frame, pages_address, abi::right::read, space);
           }));
    report(name("page.get_address"), least([&] { return timed_invocation(frame, x86_page_get_address); }));
    unmap_page(frame);
    report(name("page.map_touch_unmap"), least([&] {
               auto map = invocation(frame, x86_page_map, {pages_address, read_write, 0}, {space});
               auto unmap = invocation(frame, x86_page_unmap);
               bench_timed_touch(&map, &unmap, pages_address);
               check(map);
               check(unmap);
               return between(map.before, unmap.behind);
           }));
}

// The sum of as many invocations.
void measure_pages(World& world) {
    auto const memory = world.memory.take(20);
    auto const first = world.slots.take_range(many);
    must("take memory", memory);
    must("take slots", first);
    must("make pages", (*memory)->untyped().retype(ObjectType::small_page, 0, world.cnode, *first, many));
    u64 mapping = ~u64{0};
    u64 const unmapping = least([&] {
        u64 sum = 0;
        for (u64 i = 0; i < many; ++i) sum += map_page(*first + i, pages_address + i * page_size, read_write, world.space.cptr);
        keep_least(mapping, sum);
        sum = 0;
        for (u64 i = 0; i < many; ++i) sum += unmap_page(*first + i);
        return sum;
    });
    report(name("page.map.", many), mapping);
    report(name("page.unmap.", many), unmapping);
    must("delete the pages", world.cnode.revoke((*memory)->untyped().cptr));
    world.slots.give_back_range(*first, many);
    world.memory.give_back(*memory);
}

void measure_page_table(World& world) {
    auto const table = world.make<user::PageTable>();
    constexpr u64 address = pages_address + 512 * page_size;
    u64 mapping = ~u64{0};
    u64 const unmapping = least([&] {
        u64 const count = timed_invocation(table.cptr(), x86_page_table_map, {address, 0}, {world.space.cptr});
        keep_least(mapping, count);
        return timed_invocation(table.cptr(), x86_page_table_unmap);
    });
    report(name("pt.map"), mapping);
    report(name("pt.unmap"), unmapping);
}

// A root with its ASID; then one page and the three levels to it; then all is revoked. The first Retype clears the room of the last round.
void measure_space(World& world) {
    constexpr u64 address = 0x400000;
    auto const memory = world.memory.take(17);
    auto const first = world.slots.take_range(5);
    must("take memory", memory);
    must("take slots", first);
    auto const untyped = (*memory)->untyped();
    user::CPtr const root = *first;
    auto const make = [&](ObjectType type, user::CPtr slot) {
        return timed_invocation(untyped.cptr, untyped_retype, {std::to_underlying(type), 0, 0, 0, slot, 1}, {world.cnode.cptr});
    };
    auto const map = [&](abi::Label label, user::CPtr table) { return timed_invocation(table, label, {address, 0}, {root}); };
    u64 least_root = ~u64{0}, least_all = ~u64{0};
    bool first_round = true;
    u64 const destroying = least([&] {
        u64 count = make(ObjectType::pml4, root);
        count += timed_invocation(abi::initial_slot::asid_pool, x86_asid_pool_assign, {}, {root});
        if (!first_round) keep_least(least_root, count);
        count += make(ObjectType::pdpt, root + 1) + map(x86_pdpt_map, root + 1);
        count += make(ObjectType::page_directory, root + 2) + map(x86_page_directory_map, root + 2);
        count += make(ObjectType::page_table, root + 3) + map(x86_page_table_map, root + 3);
        count += make(ObjectType::small_page, root + 4) + map_page(root + 4, address, read_write, root);
        if (!first_round) keep_least(least_all, count);
        first_round = false;
        return timed_invocation(world.cnode.cptr, cnode_revoke, {untyped.cptr, user::full_depth});
    });
    report(name("vspace.root_assign"), least_root);
    report(name("vspace.create_one_page"), least_all);
    report(name("vspace.destroy_one_page"), destroying);
    world.slots.give_back_range(*first, 5);
    world.memory.give_back(*memory);
}

} // namespace

void measure_memory(World& world) {
    measure_page(world);
    measure_pages(world);
    measure_page_table(world);
    measure_space(world);
}

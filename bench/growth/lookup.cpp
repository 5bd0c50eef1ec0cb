// SPDX-License-Identifier: Apache-2.0
// A system call on a capability in a large CNode, or behind several: Poll of a notification that nobody signalled.
#include "bench/growth/growth.hpp"

namespace {

using enum abi::Syscall;

constexpr u64 polled = 0, waited = 1; // slots of the last CNode

// The worker polls in its own CSpace, whose last level is `store`. `prefix` stands before the slot number in its CPtrs.
u64 poll(World& world, user::CNode root, u64 guard, Store const& store, u64 prefix) {
    auto const bell = world.make<user::Notification>();
    auto const go = world.make<user::Notification>();
    must("fill the last CNode", store.cnode().copy(polled, world.cnode.at(bell.cptr()), abi::right::all, store.depth()));
    must("fill the last CNode", store.cnode().copy(waited, world.cnode.at(go.cptr()), abi::right::all, store.depth()));
    Worker const worker(world, {.loop = bench_repeat_timed_and_wait,
                                .call = {.number = nb_recv, .cptr = prefix | polled},
                                .second = {.number = recv, .cptr = prefix | waited},
                                .priority = main_priority + 1,
                                .cspace = root.cptr,
                                .cspace_guard = guard});
    return least([&] {
        go.object().signal();
        return between(worker.call().before, worker.call().behind);
    });
}

u64 in_slots(World& world, u64 slots) {
    Store const store(world, slots);
    return poll(world, store.cnode(), user::plain_guard(store.depth()), store, 0);
}

// Every level but the first translates 16 bits, 12 of them guard; the first has the guard that is left. All guards are 0,
// and each level leads through slot 1 of the one before. Made from the last to the first.
u64 behind_levels(World& world, unsigned levels) {
    constexpr unsigned radix = 4, level_bits = 16;
    Store const last(world, 1 << radix);
    user::Handle<user::CNode> cnodes[4];
    user::CNode below = last.cnode();
    u64 prefix = 0;
    for (unsigned level = 1; level < levels; ++level) {
        cnodes[level] = world.make<user::CNode>(radix);
        must("link the levels", cnodes[level].object().mint(1, world.cnode.at(below.cptr), abi::right::all, user::guard_word(0, level_bits - radix), radix));
        below = cnodes[level].object();
        prefix |= u64{1} << (level * level_bits);
    }
    return poll(world, below, user::guard_word(0, 64 - (levels - 1) * level_bits - radix), last, prefix);
}

} // namespace

void measure_lookup(World& world) {
    for (u64 slots = 2; slots <= 16384; slots *= 2) report(name("growth.lookup.slots.", slots), in_slots(world, slots));
    for (unsigned levels = 1; levels <= 4; ++levels) report(name("growth.lookup.levels.", levels), behind_levels(world, levels));
}

// SPDX-License-Identifier: Apache-2.0
// CNode invocations, and revoking with many children.
#include "bench/kernel/invocation.hpp"
#include "bench/kernel/measurements.hpp"

namespace {

using enum abi::Label;
using user::full_depth;

u64 remove(World& world, user::CPtr slot) { return timed_invocation(world.cnode.cptr, cnode_delete, {slot, full_depth}); }
u64 revoke(World& world, user::CPtr slot) { return timed_invocation(world.cnode.cptr, cnode_revoke, {slot, full_depth}); }

void measure_slots(World& world) {
    auto const owner = world.make<user::Notification>();
    auto const from = owner.cptr();
    auto const to = world.take_slot();
    auto const third = world.take_slot();
    auto const root = world.cnode.cptr;
    auto const copy = [&] { return timed_invocation(root, cnode_copy, {to, full_depth, from, full_depth, abi::right::all}, {root}); };

    report(name("cnode.copy"), least([&] {
               u64 const count = copy();
               remove(world, to);
               return count;
           }));
    report(name("cnode.delete_copy"), least([&] {
               copy();
               return remove(world, to);
           }));
    report(name("cnode.mint"), least([&] {
               u64 const count = timed_invocation(root, cnode_mint, {to, full_depth, from, full_depth, abi::right::all, 7}, {root});
               remove(world, to);
               return count;
           }));
    report(name("cnode.move"), least([&] {
               copy();
               u64 const count = timed_invocation(root, cnode_move, {third, full_depth, to, full_depth}, {root});
               remove(world, third);
               return count;
           }));
    report(name("cnode.delete_empty"), least([&] { return remove(world, to); }));
    world.slots.give_back(third);
    world.slots.give_back(to);
}

void measure_revoking(World& world, u64 children) {
    auto const owner = world.make<user::Notification>();
    auto const first = world.slots.take_range(children == 0 ? 1 : children);
    must("take slots", first);
    report(name("cnode.revoke.", children), least([&] {
               for (u64 i = 0; i < children; ++i)
                   must("mint a child", world.cnode.mint(*first + i, world.cnode.at(owner.cptr()), abi::right::all, i + 1));
               return revoke(world, owner.cptr());
           }, 6));
    world.slots.give_back_range(*first, children == 0 ? 1 : children);
}

void measure_revoking_memory(World& world, u64 children) {
    auto const memory = world.memory.take(16);
    auto const first = world.slots.take_range(children);
    must("take memory", memory);
    must("take slots", first);
    auto const untyped = (*memory)->untyped();
    report(name("untyped.revoke.endpoint.", children), least([&] {
               for (u64 done = 0; done < children;) {
                   u64 const more = children - done < abi::retype_fan_out_limit ? children - done : abi::retype_fan_out_limit;
                   must("make children", untyped.retype(abi::ObjectType::endpoint, 0, world.cnode, *first + done, more));
                   done += more;
               }
               return revoke(world, untyped.cptr);
           }, 6));
    world.slots.give_back_range(*first, children);
    world.memory.give_back(*memory);
}

} // namespace

void measure_capabilities(World& world) {
    measure_slots(world);
    for (u64 const children : {0, 1, 100, 1000}) measure_revoking(world, children);
    for (u64 const children : {1, 100, 1000}) measure_revoking_memory(world, children);
}

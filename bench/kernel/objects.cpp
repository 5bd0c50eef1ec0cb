// SPDX-License-Identifier: Apache-2.0
// Making objects of untyped memory and deleting them.
#include "bench/kernel/invocation.hpp"
#include "bench/kernel/measurements.hpp"

namespace {

using abi::ObjectType;
using enum abi::Label;

struct Kind {
    char const* name;
    ObjectType type;
    unsigned size_bits; // as in Retype
};
constexpr Kind kinds[] = {{"endpoint", ObjectType::endpoint, 0},   {"notification", ObjectType::notification, 0},
                          {"tcb", ObjectType::tcb, 0},             {"cnode16", ObjectType::cnode, 4},
                          {"cnode256", ObjectType::cnode, 8},      {"pagetable", ObjectType::page_table, 0},
                          {"pml4", ObjectType::pml4, 0},           {"untyped4k", ObjectType::untyped, 12}};

u64 retype(World& world, user::CPtr untyped, Kind const& kind, user::CPtr first, u64 count) {
    return timed_invocation(untyped, untyped_retype, {std::to_underlying(kind.type), kind.size_bits, 0, 0, first, count}, {world.cnode.cptr});
}
u64 invoke_slot(World& world, abi::Label label, user::CPtr slot) {
    return timed_invocation(world.cnode.cptr, label, {slot, user::full_depth});
}

// An untyped that has just the object's room, but no less than what is cleared at once, made into the object and emptied again.
void measure_one(World& world, Kind const& kind) {
    unsigned const bits = user::object_size_bits(kind.type, kind.size_bits);
    auto const memory = world.memory.take(bits < abi::reset_chunk_bits ? abi::reset_chunk_bits : bits);
    must("take memory", memory);
    auto const slot = world.take_slot();
    u64 making = ~u64{0};
    retype(world, (*memory)->untyped().cptr, kind, slot, 1); // there will be something to clear
    invoke_slot(world, cnode_delete, slot);
    u64 const deleting = least([&] {
        u64 const count = retype(world, (*memory)->untyped().cptr, kind, slot, 1);
        keep_least(making, count);
        return invoke_slot(world, cnode_delete, slot);
    });
    report(name("retype.", kind.name, ".recycle"), making);
    report(name("retype.", kind.name, ".recycle.delete"), deleting);
    world.slots.give_back(slot);
    world.memory.give_back(*memory);
}

constexpr Kind frame{"frame4k", ObjectType::small_page, 0};

void measure_frames(World& world, u64 count, unsigned count_bits) {
    auto const memory = world.memory.take(abi::size_bits::small_page + count_bits);
    auto const first = world.slots.take_range(count);
    must("take memory", memory);
    must("take slots", first);
    auto const untyped = (*memory)->untyped().cptr;
    u64 making = ~u64{0};
    retype(world, untyped, frame, *first, count); // there will be something to clear
    invoke_slot(world, cnode_revoke, untyped);
    u64 const revoking = least([&] {
        u64 const instructions = retype(world, untyped, frame, *first, count);
        keep_least(making, instructions);
        return invoke_slot(world, cnode_revoke, untyped);
    }, 6);
    report(name("retype.frame4k.recycle.", count), making);
    report(name("untyped.revoke.frame4k.", count), revoking);
    world.slots.give_back_range(*first, count);
    world.memory.give_back(*memory);
}

// Room that was cleared when the first of several children was made.
void measure_fresh_frames(World& world, u64 count) {
    constexpr unsigned rounds = 4;
    auto const memory = world.memory.take(23); // 8 MiB
    auto const first = world.slots.take_range(count * (rounds + 2));
    must("take memory", memory);
    must("take slots", first);
    auto const untyped = (*memory)->untyped().cptr;
    u64 next = *first;
    retype(world, untyped, frame, next, count);
    report(name("retype.frame4k.fresh.", count), least([&] {
               next += count;
               return retype(world, untyped, frame, next, count);
           }, rounds));
    invoke_slot(world, cnode_revoke, untyped);
    world.slots.give_back_range(*first, count * (rounds + 2));
    world.memory.give_back(*memory);
}

} // namespace

void measure_objects(World& world) {
    measure_frames(world, 1, 0);
    measure_frames(world, 64, 6);
    measure_frames(world, 256, 8);
    for (u64 const count : {1, 64, 256}) measure_fresh_frames(world, count);
    for (Kind const& kind : kinds) measure_one(world, kind);
}

// SPDX-License-Identifier: Apache-2.0
// Revoking a capability with N children, deleting a CNode with N capabilities: both should grow as what they delete.
#include "bench/growth/growth.hpp"

namespace {

using enum abi::Label;

constexpr unsigned rounds = 3;

void fill(World& world, Store const& store, user::CPtr from, u64 count) {
    for (u64 i = 0; i < count; ++i)
        must("mint a capability", store.cnode().mint(i, world.cnode.at(from), abi::right::all, i + 1, store.depth()));
}

u64 revoke(World& world, u64 children) {
    auto const parent = world.make<user::Notification>();
    Store const store(world, children);
    return least([&] {
        fill(world, store, parent.cptr(), children);
        return timed_invocation(world.cnode.cptr, cnode_revoke, {parent.cptr(), user::full_depth});
    }, rounds);
}

u64 delete_cnode(World& world, u64 capabilities) {
    auto const parent = world.make<user::Notification>();
    return least([&] {
        Store const store(world, capabilities);
        fill(world, store, parent.cptr(), capabilities);
        return timed_invocation(world.cnode.cptr, cnode_delete, {store.cnode().cptr, user::full_depth});
    }, rounds);
}

} // namespace

void measure_deleting(World& world) {
    for (u64 const size : sizes) report(name("growth.revoke.children.", size), revoke(world, size));
    for (u64 const size : sizes) report(name("growth.delete_cnode.capabilities.", size), delete_cnode(world, size));
}

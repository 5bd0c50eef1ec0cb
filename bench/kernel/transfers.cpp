// SPDX-License-Identifier: Apache-2.0
// Messages that carry a capability, and round trips through the C++ stubs.
#include "bench/kernel/measurements.hpp"

namespace {

using enum abi::Syscall;

// `through` is the client's capability of the endpoint.
u64 transfer(World& world, Where where, user::CPtr endpoint, user::CPtr through, user::CPtr carried, u64 words) {
    Worker const server(world, {.loop = bench_repeat_timed, .where = where, .call = {.number = reply_recv, .cptr = endpoint}});
    auto const landing = world.take_slot();
    server.buffer().receive_cnode = world.cnode.cptr;
    server.buffer().receive_index = landing;
    server.buffer().receive_depth = user::full_depth;
    user::yield(); // it waits
    SystemCall client{.number = call, .cptr = through, .info = abi::MessageInfo::make(0, words, 1).word};
    u64 const count = least([&] {
        user::ipc_buffer().caps_or_badges[0] = carried;
        bench_timed(&client);
        u64 const instructions = between(client.before, server.call().behind);
        must("delete what arrived", world.cnode.remove(landing));
        return instructions;
    });
    world.slots.give_back(landing);
    return count;
}

// Round trips through user/ipc.hpp on both sides.
struct Stubs {
    user::Endpoint endpoint;
    user::Message message;
} stubs;

[[noreturn]] void serve_through_stubs() {
    auto const [endpoint, answer] = stubs;
    for (;;) (void)endpoint.reply_receive(answer);
}

u64 round_trip_through_stubs(World& world, Where where, user::Endpoint endpoint, u64 words) {
    stubs = {endpoint, user::Message::make(0, words)};
    Worker const server(world, {.loop = serve_through_stubs, .where = where});
    user::yield(); // it waits
    return least([&] {
        u64 const start = user::time_stamp();
        (void)endpoint.call(stubs.message);
        return user::time_stamp() - start;
    });
}

} // namespace

void measure_transfers(World& world, Where where) {
    auto const endpoint = world.make<user::Endpoint>();
    auto const carried = world.make<user::Notification>();
    auto const badged = world.take_slot();
    must("mint a badge", world.cnode.mint(badged, world.cnode.at(endpoint.cptr()), abi::right::all, 7));
    for (u64 const words : {0, 4, 8, 20, 120})
        report(name("ipc.call.", text(where), ".cap.", words), transfer(world, where, endpoint.cptr(), endpoint.cptr(), carried.cptr(), words));
    if (where == Where::same) report(name("ipc.call.same.unwrap.0"), transfer(world, where, endpoint.cptr(), badged, badged, 0));
    for (u64 const words : {0, 4, 8})
        report(name("ipc.rt_stub.", text(where), ".", words), round_trip_through_stubs(world, where, endpoint.object(), words));
    must("delete the badged one", world.cnode.remove(badged));
    world.slots.give_back(badged);
}

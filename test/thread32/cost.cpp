// SPDX-License-Identifier: Apache-2.0
// What a trap costs, from the handler's answer to the arrival of the next one, its own ReplyRecv and the thread's one instruction
// included: guest instructions, where the time-stamp counter counts them (tessera run --icount).
#include "test/thread32/guest.hpp"
#include "test/thread32/routines.hpp"
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"

namespace {

constexpr u64 goal = 900;

// The least of a few rounds: a tick may fall into one.
template <class Visible> u64 round_trip(Guest const& guest, Visible visible) {
    u64 least = ~u64{0};
    for (unsigned i = 0; i < 20; ++i) {
        user::Message const answer = user::trap32_reply(guest.at(guest_end), visible(i));
        u64 const before = user::time_stamp();
        user::Message const trap = guest.faults.reply_receive(answer);
        u64 const cost = user::time_stamp() - before;
        check("a trap", user::is_trap32(trap));
        if (cost < least) least = cost;
    }
    return least;
}

void report(char const* what, u64 instructions) {
    user::print(user::Text<120>{}.add("  ").add(what).add(": ").decimal(instructions).add(" instructions\n"));
}

} // namespace

void root_main(abi::BootInfo const& info) {
    start_world(info);
    Guest guest(supply());
    Tables shared(supply());
    must("give it a shared root", guest.tcb.set_shared_root(shared.root, Guest::shared));
    guest.start(guest.at(guest_end));
    u64 const usual = round_trip(guest, [](unsigned) { return true; });
    report("a trap and its answer", usual);
    report("and the shared root comes or goes", round_trip(guest, [](unsigned i) { return i % 2 != 0; }));
    check("a trap and its answer cost less than the goal", usual < goal, usual);
    print_score("thread32 cost");
    user::debug_halt();
}

// SPDX-License-Identifier: Apache-2.0
// What a trap costs, from the handler's answer to the arrival of the next one, its own ReplyRecv and the thread's one instruction
// included: guest instructions, where the time-stamp counter counts them (tessera run --icount).
#include "test/thread32/guest.hpp"
#include "test/thread32/routines.hpp"
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"

namespace {

constexpr u64 goal = 720, wide_goal = 800;

// The least of a few rounds: a tick may fall into one.
template <class Answer> u64 round_trip(Guest const& guest, Answer make_answer) {
    u64 least = ~u64{0};
    for (unsigned i = 0; i < 20; ++i) {
        user::Message const answer = make_answer(i);
        u64 const before = user::time_stamp();
        user::Message const trap = guest.faults.reply_receive(answer);
        u64 const cost = user::time_stamp() - before;
        check("a trap", user::is_trap32(trap) || user::is_trap64(trap));
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
    user::Registers32 const registers = guest.at(guest_end);
    user::Registers64 const wide{.rip = registers.eip, .rsp = registers.esp};
    u64 const usual = round_trip(guest, [&](unsigned) { return user::trap32_reply(registers); });
    report("a trap and its answer", usual);
    report("and the shared root comes or goes", round_trip(guest, [&](unsigned i) { return user::trap32_reply(registers, i % 2 != 0); }));
    u64 const of_wide = round_trip(guest, [&](unsigned) { return user::trap64_reply(wide); });
    report("the same of a wide thread", of_wide);
    report("32-bit and wide in turn", round_trip(guest, [&](unsigned i) { return i % 2 ? user::trap64_reply(wide) : user::trap32_reply(registers); }));
    check("a trap and its answer cost less than the goal", usual < goal, usual);
    check("those of a wide thread as well", of_wide < wide_goal, of_wide);
    print_score("thread32 cost");
    user::debug_halt();
}

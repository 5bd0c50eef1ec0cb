// SPDX-License-Identifier: Apache-2.0
// A root task that lets hostile children loose on the kernel: random system calls with the capabilities to everything that they
// consist of, random code, faults for ever. Beside them runs a witness that must not notice. After every round all of it is
// revoked; at the end the system must do everything that it did before.
//
// Which seed, and how many calls at least, stands in section .parameters: test/hostile/run puts other numbers there.
#include <new>

#include "test/hostile/family.hpp"
#include "test/hostile/random_code.hpp"
#include "test/isolation/attacks.hpp"
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"
#include "user/irq.hpp"

namespace {

struct Parameters {
    u64 seed, calls;
};
[[gnu::section(".parameters"), gnu::used]] Parameters volatile parameters{1, 300'000};

constexpr unsigned arena_bits = 24, max_turns = 100, yields_per_turn = 40, families_per_round = 6;
constexpr u64 calls_per_round = 20'000;
constexpr u64 arena_slots = 2000;

void say(char const* text, u64 number, char const* more = "\n") {
    user::print(user::Text<120>{}.add("hostile: ").add(text).decimal(number).add(more));
}

class Witness {
public:
    Witness() : child_(supply()) {
        auto registers = child_.at(Child::address_of(hostile_witness));
        registers.rdi = Child::data;
        child_.start(registers);
    }
    // It went on, and found nothing wrong.
    void check_on_it() {
        u64 const rounds = *reinterpret_cast<u64 volatile*>(child_.data_view);
        check("the witness goes on", rounds > rounds_);
        expect("the witness finds nothing wrong", child_.faults.receive_if_waiting().badge, 0);
        rounds_ = rounds;
    }

private:
    Child child_;
    u64 rounds_{};
};

struct Calls {
    u64 random, faults; // system calls of workers and their handlers; faults answered with nothing
};

void run_families(Supply& arena, Family::Shared const& shared, Random& random, Calls& calls) {
    alignas(Family) static std::byte memory[families_per_round][sizeof(Family)];
    Family* families[families_per_round];
    for (unsigned i = 0; i < families_per_round; ++i) {
        auto const kind = i < 2 ? static_cast<Family::Kind>(i) : static_cast<Family::Kind>(random.below(static_cast<u64>(Family::Kind::kinds)));
        families[i] = new (memory[i]) Family(arena, kind, shared, random.next());
    }
    u64 const enough = calls.random + calls_per_round;
    for (unsigned turn = 0; turn < max_turns && calls.random < enough; ++turn) {
        for (Family* const family : families) family->start();
        // Every thread has its turn before this one has its next. A fault ends the worker's turn; here it goes on again.
        for (unsigned i = 0; i < yields_per_turn && calls.random < enough; ++i) {
            user::yield();
            for (Family* const family : families)
                (family->kind() == Family::Kind::faulting ? calls.faults : calls.random) += family->calls();
        }
    }
}

// Everything that makes a system, once more.
void test_ordinary_work() {
    group("ordinary work");
    Child const child(supply());
    check("a new thread runs", child.run(attack_end).is_exception(6));
    auto const frame = supply().make<user::Frame>();
    *reinterpret_cast<u64*>(supply().view(frame)) = 0x4711;
    constexpr u64 there = 0x8000000000;
    supply().map(child.space, frame, there, abi::right::read);
    expect("it reads a page", child.run(attack_read_word, there).registers.rax, 0x4711);
    must("unmap the page", frame.unmap());
    check("it reads it no more", child.run(attack_read_word, there).is_page_fault(there, 4));
    auto const endpoint = supply().make<user::Endpoint>();
    child.grant(4, endpoint.cptr);
    auto registers = child.at(Child::address_of(attack_system_call));
    registers.rdx = static_cast<u64>(abi::Syscall::call);
    registers.rdi = 4;
    registers.rsi = abi::MessageInfo::make(0, 1).word;
    registers.r10 = 41;
    child.start(registers);
    auto const message = endpoint.receive();
    expect("its call arrives", message.words[0], 41);
    user::reply(user::Message::make(0, 1, message.words[0] + 1));
    expect("the answer, too", child.wait().registers.r10, 42);
    auto const notification = supply().make<user::Notification>();
    u64 const badged = supply().slot();
    must("mint a badge", own_cnode.mint(badged, own_cnode.at(notification.cptr), abi::right::write, 0x5a));
    user::signal(badged);
    expect("a notification", notification.poll(), 0x5a);
    must("revoke", own_cnode.revoke(child.cnode.cptr));
}

} // namespace

void root_main(abi::BootInfo const& info) {
    start_world(info);
    must("take part in the round", own_thread.set_priority(own_thread, 0));
    u64 const seed = parameters.seed, wanted = parameters.calls;
    say("seed ", seed);
    Random random(seed);
    for (int i = 0; i < 8; ++i) random.next(); // small seeds are alike at first

    auto const memory = supply().make<user::Untyped>(arena_bits);
    u64 const first = supply().slot();
    for (u64 i = 1; i < arena_slots; ++i) supply().slot();
    Supply arena(memory, first, first + arena_slots);
    Family::Shared shared{supply().make<user::Endpoint>(), supply().make<user::Notification>(), supply().slot(), supply().slot()};
    must("issue ports", user::IoPortControl{abi::initial_slot::io_port_control}.issue(0x80, 0x83, own_cnode, shared.ports));
    must("issue an interrupt", user::IrqControl{abi::initial_slot::irq_control}.issue(
                                   user::IrqControl::IoApicLine{0, 5, false, false, 20}, own_cnode, shared.interrupt));
    Witness witness;
    Calls calls{};
    u64 code = 0, rounds = 0;
    while (calls.random + code < wanted) {
        group(nullptr);
        run_families(arena, shared, random, calls);
        arena.take_back();
        code += run_random_code(arena, random);
        arena.take_back();
        witness.check_on_it();
        if (++rounds % 50 == 0) say("calls so far: ", calls.random + code);
    }
    must("make the whole arena anew", memory.retype(abi::ObjectType::large_page, 0, own_cnode, first, 1u << (arena_bits - 21)));
    arena.take_back();
    test_ordinary_work();
    must("take the ports back", own_cnode.revoke(abi::initial_slot::io_port_control));
    supply().take_back();
    auto const all = supply().make<user::Untyped>(arena_bits);
    check("all memory is back", all.cptr != 0);
    say("rounds ", rounds);
    say("random code, pieces run: ", code);
    say("faults answered with nothing: ", calls.faults);
    say("random system calls: ", calls.random);
    print_score("hostile");
    user::debug_halt();
}

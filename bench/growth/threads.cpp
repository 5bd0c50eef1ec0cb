// SPDX-License-Identifier: Apache-2.0
// Yield, Signal and Call while many other threads are ready to run, at lower priorities, or wait for messages elsewhere.
#include "bench/growth/growth.hpp"

namespace {

using enum abi::Syscall;

constexpr u64 most = sizes[std::size(sizes) - 1];

enum class Crowd { ready, blocked };

// Threads beside the measured ones. Their capabilities are in a Store: each visits a slot of the CSpace while it is set up.
class Threads {
public:
    Threads(World& world, Crowd crowd) : world_(world), crowd_(crowd), store_(world, most), endpoint_(world.make<user::Endpoint>()), visitor_(world.take_slot()) {
        auto const memory = world.memory.take(25); // 32 MiB: 2 KiB for each
        must("take memory for threads", memory);
        memory_ = *memory;
        call_ = {.number = crowd == Crowd::ready ? yield : recv, .cptr = endpoint_.cptr()};
    }
    ~Threads() {
        must("delete the threads", world_.cnode.revoke(memory_->untyped().cptr));
        world_.memory.give_back(memory_);
        world_.slots.give_back(visitor_);
    }
    void grow_to(u64 count) {
        while (count_ < count) {
            u64 const more = count - count_ < abi::retype_fan_out_limit ? count - count_ : abi::retype_fan_out_limit;
            must("make threads", memory_->untyped().retype_into(abi::ObjectType::tcb, 0, world_.cnode.at(store_.cnode().cptr), count_, more));
            for (u64 i = 0; i < more; ++i) start(count_ + i);
            count_ += more;
        }
    }

private:
    void start(u64 index) {
        must("fetch a thread", world_.cnode.move(visitor_, store_.at(index)));
        user::Tcb const tcb{visitor_};
        must("configure a thread", tcb.set_space({0, world_.cnode, 0, world_.space}));
        // The ready ones over all priorities below main's; the others run and block at once.
        must("give it a priority", tcb.set_priority(world_.self, crowd_ == Crowd::ready ? 1 + index % (main_priority - 1) : main_priority + 1));
        set_fpu(world_, tcb, false);
        abi::UserContext registers{};
        registers.rip = reinterpret_cast<u64>(bench_repeat);
        registers.r14 = reinterpret_cast<u64>(&call_);
        must("start it", tcb.write_registers(registers, true));
        must("put it back", store_.cnode().move(index, world_.cnode.at(visitor_), store_.depth()));
    }

    World& world_;
    Crowd crowd_;
    Store store_;
    user::Handle<user::Endpoint> endpoint_;
    user::CPtr visitor_;
    user::UntypedPiece* memory_{};
    SystemCall call_;
    u64 count_{};
};

void measure(World& world, char const* of, u64 count) {
    auto const bell = world.make<user::Notification>();
    auto const endpoint = world.make<user::Endpoint>();
    report(name("growth.yield.", of, count), least([] { return timed({.number = yield}); }));
    {
        Worker const waiter(world, {.loop = bench_repeat_timed, .call = {.number = recv, .cptr = bell.cptr()}, .priority = main_priority + 1});
        SystemCall signal{.number = send, .cptr = bell.cptr()};
        report(name("growth.signal.", of, count), least([&] {
                   bench_timed(&signal);
                   return between(signal.before, waiter.call().behind);
               }));
    }
    Worker const server(world, {.loop = bench_repeat, .call = {.number = reply_recv, .cptr = endpoint.cptr()}});
    user::yield(); // it waits
    SystemCall client{.number = call, .cptr = endpoint.cptr()};
    report(name("growth.call.", of, count), least([&] { return timed(client); }));
}

} // namespace

void measure_with_threads(World& world) {
    for (Crowd const crowd : {Crowd::ready, Crowd::blocked}) {
        Threads threads(world, crowd);
        for (u64 const size : sizes) {
            threads.grow_to(size);
            measure(world, crowd == Crowd::ready ? "ready." : "blocked.", size);
        }
    }
}

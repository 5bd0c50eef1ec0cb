// SPDX-License-Identifier: Apache-2.0
// Threads: single invocations, and making one until it runs.
#include "bench/kernel/invocation.hpp"
#include "bench/kernel/measurements.hpp"

namespace {

using enum abi::Label;
using enum abi::Syscall;

void measure_running_thread(World& world) {
    Worker const other(world, {.loop = bench_repeat, .call = {.number = yield}, .priority = main_priority - 1});
    auto const tcb = other.tcb().cptr;
    u64 suspending = ~u64{0};
    u64 const resuming = least([&] {
        u64 const count = timed_invocation(tcb, tcb_suspend);
        keep_least(suspending, count);
        return timed_invocation(tcb, tcb_resume);
    });
    report(name("tcb.suspend"), suspending);
    report(name("tcb.resume"), resuming);
    report(name("tcb.set_priority_other"), least([&] { return timed_invocation(tcb, tcb_set_priority, {main_priority - 1}, {world.self.cptr}); }));
    report(name("tcb.set_priority_self"), least([&] { return timed_invocation(world.self.cptr, tcb_set_priority, {main_priority}, {world.self.cptr}); }));
    report(name("tcb.read_registers"), least([&] { return timed_invocation(tcb, tcb_read_registers, {0, user::Tcb::register_count}); }));
}

// What making one thread costs, step by step.
struct Steps {
    u64 retype = ~u64{0}, configure = ~u64{0}, schedule = ~u64{0}, registers = ~u64{0}, resume = ~u64{0};
    u64 until_runnable = ~u64{0}, to_first_instruction = ~u64{0}, destroy = ~u64{0};
};

// The new thread's first instruction reads the counter; `run` is the system call that it makes then.
u64 write_registers(user::CPtr tcb, SystemCall& run) {
    union {
        abi::UserContext context;
        u64 words[user::Tcb::register_count];
    } registers{};
    registers.context.rip = reinterpret_cast<u64>(bench_repeat_timed);
    registers.context.r14 = reinterpret_cast<u64>(&run);
    SystemCall write{.number = call,
                     .cptr = tcb,
                     .info = abi::MessageInfo::make(std::to_underlying(tcb_write_registers), 2 + user::Tcb::register_count).word,
                     .words = {0, user::Tcb::register_count, registers.words[0], registers.words[1]}};
    bench_timed_full_from(&write, registers.words + 2, user::Tcb::register_count - 2, user::ipc_buffer().message + abi::register_message_words);
    check(write);
    return between(write.before, write.behind);
}

void measure_making(World& world) {
    auto const memory = world.memory.take(abi::size_bits::tcb);
    must("take memory", memory);
    auto const untyped = (*memory)->untyped().cptr;
    auto const slot = world.take_slot();
    auto const buffer = world.make<user::Frame>();
    auto const root = world.cnode.cptr;
    auto const bell = world.make<user::Notification>();
    SystemCall run{.number = recv, .cptr = bell.cptr()};
    constexpr u64 priority = main_priority + 1;
    Steps least_of;
    for (unsigned i = 0; i < 12; ++i) {
        u64 const retype =
            timed_invocation(untyped, untyped_retype, {std::to_underlying(abi::ObjectType::tcb), 0, 0, 0, slot, 1}, {root});
        u64 const configure = timed_invocation(slot, tcb_configure, {0, 0, 0, 0x40000000}, {root, world.space.cptr, buffer.cptr()});
        u64 const schedule = timed_invocation(slot, tcb_set_sched_params, {priority, priority}, {world.self.cptr});
        u64 const registers = write_registers(slot, run);
        auto resume = invocation(slot, tcb_resume);
        bench_timed_full(&resume);
        check(resume);
        u64 const resuming = between(resume.before, run.before);
        keep_least(least_of.retype, retype);
        keep_least(least_of.configure, configure);
        keep_least(least_of.schedule, schedule);
        keep_least(least_of.registers, registers);
        keep_least(least_of.resume, resuming);
        keep_least(least_of.until_runnable, retype + configure + schedule + registers);
        keep_least(least_of.to_first_instruction, retype + configure + schedule + registers + resuming);
        keep_least(least_of.destroy, timed_invocation(root, cnode_delete, {slot, user::full_depth}));
    }
    report(name("tcb.retype"), least_of.retype);
    report(name("tcb.configure"), least_of.configure);
    report(name("tcb.set_sched_params"), least_of.schedule);
    report(name("tcb.write_registers"), least_of.registers);
    report(name("thread.create_until_runnable"), least_of.until_runnable);
    report(name("thread.destroy"), least_of.destroy);
    report(name("thread.resume_to_first_instruction"), least_of.resume);
    report(name("thread.create_to_first_instruction"), least_of.to_first_instruction);
    world.slots.give_back(slot);
    world.memory.give_back(*memory);
}

} // namespace

void measure_threads(World& world) {
    measure_running_thread(world);
    measure_making(world);
}

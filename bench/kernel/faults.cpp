// SPDX-License-Identifier: Apache-2.0
// Faults as messages: the main thread is the handler, a worker faults again and again.
#include "bench/kernel/measurements.hpp"

namespace {

using enum abi::Syscall;

constexpr unsigned instruction_pointer_word = 15; // ABI 9.2.1
constexpr u64 system_call_size = 2;
constexpr auto unknown_number = static_cast<abi::Syscall>(1);

// From the reply to the arrival of the next fault. set_registers: the reply sets all the registers that came in the message,
// the instruction pointer to behind the system call.
u64 handle(World& world, Worker::Start start, bool set_registers) {
    auto const endpoint = world.make<user::Endpoint>();
    start.fault_endpoint = endpoint.cptr();
    Worker const worker(world, start);
    SystemCall first{.number = recv, .cptr = endpoint.cptr()};
    bench_timed(&first);
    SystemCall next{.number = reply_recv, .cptr = endpoint.cptr()};
    if (set_registers) next.info = abi::MessageInfo::make(0, abi::MessageInfo{first.out_info}.length()).word;
    for (unsigned i = 0; i < abi::register_message_words; ++i) next.words[i] = first.out_words[i];
    return least([&] {
        if (set_registers) user::ipc_buffer().message[instruction_pointer_word] += system_call_size;
        bench_timed_full(&next);
        return between(next.before, next.behind);
    });
}

} // namespace

void measure_faults(World& world, Where where) {
    Worker::Start const unknown{.loop = bench_repeat, .where = where, .call = {.number = unknown_number}};
    report(name("fault.unknown_syscall.", text(where)), handle(world, unknown, false));
    report(name("fault.vm.", text(where)), handle(world, {.loop = bench_fault_on_memory, .where = where}, false));
    report(name("fault.user_exception.", text(where)), handle(world, {.loop = bench_fault_on_instruction, .where = where}, false));
    report(name("fault.unknown_syscall_setregs.", text(where)), handle(world, unknown, true));
}

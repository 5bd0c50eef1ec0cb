// SPDX-License-Identifier: Apache-2.0
// Faults as messages: the main thread is the handler, a worker faults again and again.
#include "bench/kernel/measurements.hpp"

namespace {

using enum abi::Syscall;

constexpr user::CPtr unmapped_address = 0x10000;
constexpr auto unknown_number = static_cast<abi::Syscall>(1);

// From the reply to the arrival of the next fault. keep_length: the reply sets all the registers that came in the message.
u64 handle(World& world, Worker::Start start, bool keep_length) {
    auto const endpoint = world.make<user::Endpoint>();
    start.fault_endpoint = endpoint.cptr();
    Worker const worker(world, start);
    SystemCall first{.number = recv, .cptr = endpoint.cptr()};
    bench_timed(&first);
    SystemCall next{.number = reply_recv, .cptr = endpoint.cptr()};
    if (keep_length) next.info = abi::MessageInfo::make(0, abi::MessageInfo{first.out_info}.length()).word;
    for (unsigned i = 0; i < abi::register_message_words; ++i) next.words[i] = first.out_words[i];
    return least([&] { return timed(next); });
}

} // namespace

void measure_faults(World& world, Where where) {
    Worker::Start const unknown{.loop = bench_repeat, .where = where, .number = unknown_number};
    report(name("fault.unknown_syscall.", text(where)), handle(world, unknown, false));
    report(name("fault.vm.", text(where)), handle(world, {.loop = bench_fault_on_memory, .where = where, .cptr = unmapped_address}, false));
    report(name("fault.user_exception.", text(where)), handle(world, {.loop = bench_fault_on_instruction, .where = where}, false));
    report(name("fault.unknown_syscall_setregs.", text(where)), handle(world, unknown, true));
}

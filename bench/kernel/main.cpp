// SPDX-License-Identifier: Apache-2.0
// What kernel operations cost in guest instructions, one line each: `bench NAME VALUE`. With QEMU's -icount shift=0 the
// time-stamp counter advances by one per instruction, so the figures are the same in every run.
#include "user/bare/print.hpp"
#include "user/bare/start.hpp"
#include "user/mapping.hpp"
#include "user/tcb.hpp"

namespace {

u64 slot_bits[16];
user::UntypedPiece records[256];
alignas(16) std::byte peer_stack[4096];
constexpr VirtAddr peer_buffer{0x40000000};
constexpr user::Tcb own_thread{abi::initial_slot::tcb};
constexpr u64 fpu_disabled = 1; // TCB flag 0
constexpr u64 rounds = 1000;

u64 time_stamp() { return __builtin_ia32_rdtsc(); }

template <class Result> void must(char const* what, Result const& result) {
    if (result) return;
    user::print("bench: cannot ");
    user::print(what);
    user::print("\n");
    user::debug_halt();
}

void report(char const* name, u64 value) {
    user::Text<96> line;
    line.add("bench ").add(name).add(" ").decimal(value).add(" instructions\n");
    user::print(line);
}

[[noreturn]] void yield_for_ever() {
    for (;;) user::yield();
}

// Two threads of one priority in one address space hand the processor to each other: two switches a round.
u64 count_yields() {
    user::yield();
    u64 const start = time_stamp();
    for (u64 i = 0; i < rounds; ++i) user::yield();
    return (time_stamp() - start) / rounds;
}

void set_fpu(user::Tcb thread, bool on) {
    must("set flags", thread.set_flags(on ? fpu_disabled : 0, on ? 0 : fpu_disabled));
}

} // namespace

void root_main(abi::BootInfo const& info) {
    user::SlotAllocator slots(info.empty.start, info.empty.start + sizeof slot_bits * 8, slot_bits);
    user::CNode const cnode{abi::initial_slot::cnode};
    user::UntypedAllocator memory(cnode, slots);
    memory.add_records(records);
    user::ObjectAllocator objects(cnode, slots, memory);
    for (u64 i = 0; i < info.untyped.end - info.untyped.start; ++i) {
        abi::UntypedDescriptor const& untyped = info.untyped_list[i];
        if (untyped.is_device || untyped.size_bits < 20) continue;
        must("take memory", memory.add({info.untyped.start + i}, untyped.size_bits));
        break;
    }
    auto peer = objects.make<user::Tcb>();
    auto buffer = objects.make<user::Frame>();
    must("make a thread", peer);
    must("make its buffer", buffer);
    user::VSpace const space{abi::initial_slot::vspace};
    must("map its buffer", user::map(objects, space, buffer->object(), peer_buffer, abi::right::read | abi::right::write));
    must("configure it", peer->object().configure({0, cnode, 0, space}, peer_buffer, buffer->object()));
    must("give it a priority", peer->object().set_priority(own_thread, 255));
    abi::UserContext registers{};
    registers.rip = reinterpret_cast<u64>(yield_for_ever);
    registers.rsp = reinterpret_cast<u64>(peer_stack + sizeof peer_stack) - 8;
    must("start it", peer->object().write_registers(registers, true));

    report("yield.pingpong.same.fpu", count_yields());
    set_fpu(peer->object(), false);
    report("yield.pingpong.same.one_fpu", count_yields());
    set_fpu(own_thread, false);
    report("yield.pingpong.same.nofpu", count_yields());
    user::print("bench: done\n");
    user::debug_halt();
}

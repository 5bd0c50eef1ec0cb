// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/world.hpp"

#include <cstring>
#include <iterator>
#include <new>

#include "kernel/capability/derivation.hpp"
#include "kernel/fuzz/invariants.hpp"
#include "kernel/fuzz/world_maker.hpp"

namespace fuzz {

namespace {
constexpr u64 copied_ram = ram_end - ram_start;
alignas(64) std::byte world_copy[sizeof(World)];
alignas(64) std::byte machine_copy[sizeof(Machine)];
alignas(64) std::byte ram_copy[copied_ram];
} // namespace

alignas(64) std::byte world_storage[sizeof(World)];

void make_world() {
    WorldMaker(*new (world_storage) World).make();
    std::memcpy(world_copy, world_storage, sizeof world_storage);
    std::memcpy(machine_copy, &machine_state, sizeof machine_state);
    std::memcpy(ram_copy, arena(), copied_ram);
    invariants::remember();
}

void reset_world() {
    std::byte* const pages = arena() + (large_frame - ram_start);
    for (unsigned word = 0; word < std::size(machine_state.large_pages_touched); ++word)
        for (u64 bits = machine_state.large_pages_touched[word]; bits; bits &= bits - 1)
            std::memset(pages + (word * 64 + static_cast<unsigned>(__builtin_ctzll(bits))) * 4096, 0, 4096);
    std::memcpy(world_storage, world_copy, sizeof world_storage);
    std::memcpy(static_cast<void*>(&machine_state), machine_copy, sizeof machine_state);
    std::memcpy(arena(), ram_copy, copied_ram);
    invariants::restore();
}

void enter(Event const& event) {
    machine_state.invalidations.clear();
    machine_state.many_invalidations = false;
    Tcb const& next = world().kernel.handle(world().cpu, event);
    if (&next != world().cpu.current) stop("the thread that comes out is not the current one");
    invariants::check();
}

void put_message(Tcb& thread, Message const& message) {
    abi::IpcBuffer* const buffer = thread.buffer(true);
    thread.info_register() = abi::MessageInfo::make(message.label, message.length, message.cap_count).word;
    for (unsigned i = 0; i < message.length; ++i) {
        if (i < abi::register_message_words) thread.set_message_register(i, message.words[i]);
        else if (buffer) buffer->message[i] = message.words[i];
    }
    for (unsigned i = 0; buffer && i < message.cap_count; ++i) buffer->caps_or_badges[i] = message.caps[i];
}

void system_call(i64 number, u64 rdi, Message const& message, u64 at) {
    Tcb& thread = world().current();
    put_message(thread, message);
    thread.registers().rdx = static_cast<u64>(number);
    thread.registers().rdi = rdi;
    thread.registers().rip = at;
    thread.context.next_ip = at + 2;
    thread.context.restore_all = 0;
    enter(SyscallEvent{});
}

} // namespace fuzz

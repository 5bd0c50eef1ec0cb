// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel/world.hpp"

#include "bench/kernel/invocation.hpp"
#include "protocol/system.hpp"

namespace {

constexpr unsigned max_workers = 4;
constexpr unsigned memory_bits = 26; // 64 MiB for everything
constexpr u64 read_write = abi::right::read | abi::right::write;

// One page for each worker's IPC buffer, at the same address in both spaces.
constexpr VirtAddr buffer_address(unsigned number) { return VirtAddr{0x40000000 + number * u64{4096}}; }

u64 slot_bits[user::SlotAllocator::words_for(1 << abi::root_cnode_radix)];
user::UntypedPiece records[1024];
SystemCall calls[max_workers], second_calls[max_workers];
user::CPtr buffers[max_workers];
bool taken[max_workers];
alignas(16) std::byte stacks[max_workers][1024]; // for loops in C++

void map_shared(World& world, user::CPtr frame, u64 address) {
    auto const copy = world.take_slot();
    must("copy a frame", world.cnode.copy(copy, world.cnode.at(frame)));
    must("map a shared page", user::map(world.objects, world.other, {copy}, VirtAddr{address}, read_write));
}

// The other address space: the program's own pages at their own addresses.
void fill_other(World& world, abi::BootInfo const& info) {
    extern char image_start[] asm("__executable_start");
    u64 address = reinterpret_cast<u64>(image_start) & ~u64{4095};
    for (u64 frame = info.image_frames.start; frame < info.image_frames.end; ++frame, address += 4096)
        map_shared(world, frame, address);
}

u64 count_first_retype(World& world, user::CPtr untyped) {
    auto const slot = world.take_slot();
    u64 const count =
        timed_invocation(untyped, abi::Label::untyped_retype, {std::to_underlying(abi::ObjectType::endpoint), 0, 0, 0, slot, 1}, {world.cnode.cptr});
    must("delete the first object", world.cnode.remove(slot));
    world.slots.give_back(slot);
    return count;
}

unsigned take_number() {
    for (unsigned i = 0; i < max_workers; ++i) {
        if (taken[i]) continue;
        taken[i] = true;
        return i;
    }
    give_up("have so many workers");
}

} // namespace

user::CPtr World::take_slot() {
    auto const slot = slots.take();
    must("take a slot", slot);
    return *slot;
}

void set_fpu(World&, user::Tcb thread, bool on) {
    constexpr u64 disabled = 1; // TCB flag 0
    must("set flags", thread.set_flags(on ? disabled : 0, on ? 0 : disabled));
}

World make_world(abi::BootInfo const& info) {
    static user::SlotAllocator slots(info.empty.start, info.empty.end, slot_bits);
    static user::UntypedAllocator memory({abi::initial_slot::cnode}, slots);
    static user::ObjectAllocator objects({abi::initial_slot::cnode}, slots, memory);
    World world{.other = {}, .slots = slots, .memory = memory, .objects = objects};

    user::IoPortControl const ports{abi::initial_slot::io_port_control};
    auto const console = ports.issue(0x3f8, 0x3ff, world.cnode, world.take_slot());
    auto const machine = ports.issue(protocol::exit_port, protocol::exit_port, world.cnode, world.take_slot());
    if (!console || !machine) __builtin_trap(); // nowhere to say it
    open_report(*console, *machine);

    memory.add_records(records);
    for (u64 i = 0; i < info.untyped.end - info.untyped.start; ++i) {
        abi::UntypedDescriptor const& untyped = info.untyped_list[i];
        if (untyped.is_device || untyped.size_bits != memory_bits) continue;
        world.first_retype = count_first_retype(world, info.untyped.start + i);
        must("take memory", memory.add({info.untyped.start + i}, untyped.size_bits));
        break;
    }
    must("set the main thread's priority", world.self.set_priority(world.self, main_priority));
    world.other.cptr = world.make<user::VSpace>().release().cptr;
    must("give the other space an ASID", user::AsidPool{abi::initial_slot::asid_pool}.assign(world.other));
    fill_other(world, info);
    for (unsigned i = 0; i < max_workers; ++i) {
        buffers[i] = world.make<user::Frame>().release().cptr;
        must("map a buffer", user::map(objects, world.space, {buffers[i]}, buffer_address(i), read_write));
        map_shared(world, buffers[i], buffer_address(i).value);
    }
    return world;
}

Worker::Worker(World& world, Start const& start)
    : world_(world), number_(take_number()), tcb_(world.make<user::Tcb>()), taken_{number_} {
    auto const space = start.where == Where::same ? world.space : world.other;
    must("configure a thread",
         tcb().configure({start.fault_endpoint, {start.cspace}, start.cspace_guard, space}, buffer_address(number_), {buffers[number_]}));
    must("give it a priority", tcb().set_priority(world.self, start.priority));
    set_fpu(world, tcb(), start.fpu);
    abi::UserContext registers{};
    registers.rip = reinterpret_cast<u64>(start.loop);
    calls[number_] = start.call;
    second_calls[number_] = start.second;
    registers.rsp = reinterpret_cast<u64>(stacks[number_ + 1]) - sizeof(u64);
    registers.r14 = reinterpret_cast<u64>(&calls[number_]);
    registers.r12 = reinterpret_cast<u64>(&second_calls[number_]);
    must("start it", tcb().write_registers(registers, true));
}

Worker::Taken::~Taken() { taken[number] = false; }
SystemCall const& Worker::call() const { return calls[number_]; }
abi::IpcBuffer& Worker::buffer() const { return *reinterpret_cast<abi::IpcBuffer*>(buffer_address(number_).value); }

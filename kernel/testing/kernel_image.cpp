// SPDX-License-Identifier: Apache-2.0
#include "kernel/testing/kernel_image.hpp"

#include <algorithm>
#include <cstring>
#include <sstream>

namespace {

constexpr KernelState::Field tcb_fields[] = {
    {offsetof(Tcb, context.registers), "context.registers"},
    {offsetof(Tcb, context.next_ip), "context.next_ip"},
    {offsetof(Tcb, context.restore_all), "context.restore_all"},
    {offsetof(Tcb, context.fpu), "context.fpu"},
    {offsetof(Tcb, slots), "slots"},
    {offsetof(Tcb, state), "state and the bytes behind it"},
    {offsetof(Tcb, fault_handler), "fault_handler"},
    {offsetof(Tcb, ipc_buffer_address), "ipc_buffer_address"},
    {offsetof(Tcb, fault), "fault"},
    {offsetof(Tcb, blocking_object), "blocking_object"},
    {offsetof(Tcb, blocked_badge), "blocked_badge"},
    {offsetof(Tcb, blocked_can_grant), "blocked_can_grant and the bytes behind it"},
    {offsetof(Tcb, bound_notification), "bound_notification"},
    {offsetof(Tcb, vcpu), "vcpu"},
    {offsetof(Tcb, queue_next), "queue_next"},
    {offsetof(Tcb, queue_previous), "queue_previous"},
    {offsetof(Tcb, upcall), "upcall"},
    {offsetof(Tcb, name), "name"},
};
constexpr KernelState::Field cpu_fields[] = {
    {offsetof(Cpu, current), "current"},
    {offsetof(Cpu, idle), "idle"},
    {offsetof(Cpu, fpu_owner), "fpu_owner"},
    {offsetof(Cpu, stale), "stale and what follows"},
};
constexpr KernelState::Field buffer_fields[] = {
    {offsetof(abi::IpcBuffer, tag), "tag"},
    {offsetof(abi::IpcBuffer, message), "message"},
    {offsetof(abi::IpcBuffer, user_data), "user_data"},
    {offsetof(abi::IpcBuffer, caps_or_badges), "caps_or_badges"},
    {offsetof(abi::IpcBuffer, receive_cnode), "receive_cnode"},
    {sizeof(abi::IpcBuffer), "upcall block"},
};

std::string place(std::span<KernelState::Field const> fields, std::size_t offset) {
    std::ostringstream out;
    auto const behind = std::find_if(fields.begin(), fields.end(), [&](auto const& field) { return field.offset > offset; });
    if (behind != fields.begin()) {
        auto const& field = *(behind - 1);
        out << field.name << " + " << offset - field.offset;
    } else {
        out << offset;
    }
    return out.str();
}

u64 word_at(std::byte const* start, std::size_t bytes) {
    u64 word = 0;
    std::memcpy(&word, start, std::min(bytes, sizeof word));
    return word;
}

template <class T> void compare(std::ostream& out, char const* name, T const& one, T const& other) {
    if (one != other) out << "  machine: " << name << " differ\n";
}

} // namespace

void KernelState::add(std::string name, void* start, std::size_t bytes, std::span<Field const> fields) {
    regions_.push_back({std::move(name), static_cast<std::byte*>(start), bytes, fields});
    size_ += bytes;
}

void KernelState::add_thread(std::string name, Tcb& thread) {
    add(name, &thread, sizeof thread, tcb_fields);
    // A Fault is copied whole, with what stood between its members where it was made.
    auto* const fault = reinterpret_cast<std::byte*>(&thread.fault);
    constexpr std::size_t behind = offsetof(Fault, in_receive_phase) + sizeof thread.fault.in_receive_phase;
    padding_.push_back({fault + behind, fault + offsetof(Fault, first)});
    if (abi::IpcBuffer* const buffer = thread.buffer(true))
        add(name + ", buffer", buffer, sizeof *buffer + sizeof(abi::UpcallBlock), buffer_fields);
}

void KernelState::add_kernel() {
    auto* const start = reinterpret_cast<std::byte*>(&world_.kernel);
    auto* at = start;
    // In the order of their places, whatever that is.
    std::pair<std::byte*, std::size_t> constant[] = {
        {reinterpret_cast<std::byte*>(&world_.kernel.io_ports), sizeof world_.kernel.io_ports},
        {reinterpret_cast<std::byte*>(&world_.kernel.vcpus), sizeof world_.kernel.vcpus},
    };
    std::sort(std::begin(constant), std::end(constant));
    for (auto const& [table, bytes] : constant) {
        add("kernel, from byte " + std::to_string(at - start), at, static_cast<std::size_t>(table - at));
        watch("kernel, from byte " + std::to_string(table - start), table, bytes);
        at = table + bytes;
    }
    add("kernel, from byte " + std::to_string(at - start), at, static_cast<std::size_t>(start + sizeof(Kernel) - at));
    add("cpu", &world_.cpu, sizeof world_.cpu, cpu_fields);
}

void KernelState::watch(std::string name, void const* start, std::size_t bytes) {
    auto const* const first = static_cast<std::byte const*>(start);
    watched_.push_back({std::move(name), first, {first, first + bytes}});
}

void KernelState::watch_rest_of_arena(PhysAddr start, PhysAddr end) {
    std::vector<std::pair<std::byte const*, std::byte const*>> known;
    for (Region const& region : regions_) known.push_back({region.start, region.start + region.bytes});
    std::sort(known.begin(), known.end());
    std::byte const* at = machine::window(start);
    std::byte const* const last = machine::window(end);
    auto const watch_up_to = [&](std::byte const* stop) {
        if (stop > at) watch("arena at " + std::to_string(machine::physical(at).value), at, static_cast<std::size_t>(stop - at));
    };
    for (auto const& [first, behind] : known) {
        if (first < at || behind > last) continue; // the kernel and the processor lie elsewhere
        watch_up_to(first);
        at = behind;
    }
    watch_up_to(last);
}

void KernelState::save(KernelImage& image) const {
    for (auto const padding : padding_) std::fill(padding.begin(), padding.end(), std::byte{});
    image.bytes.resize(size_);
    std::byte* to = image.bytes.data();
    for (Region const& region : regions_) {
        std::memcpy(to, region.start, region.bytes);
        to += region.bytes;
    }
    image.machine = world_.machine.state();
}

void KernelState::restore(KernelImage const& image) {
    std::byte const* from = image.bytes.data();
    for (Region const& region : regions_) {
        std::memcpy(region.start, from, region.bytes);
        from += region.bytes;
    }
    world_.machine.state() = image.machine;
}

bool KernelState::is(KernelImage const& image) const {
    for (auto const padding : padding_) std::fill(padding.begin(), padding.end(), std::byte{});
    std::byte const* other = image.bytes.data();
    for (Region const& region : regions_) {
        if (std::memcmp(region.start, other, region.bytes) != 0) return false;
        other += region.bytes;
    }
    return world_.machine.state() == image.machine;
}

std::string KernelState::differences(KernelImage const& image) const {
    std::ostringstream out;
    out << std::hex;
    std::byte const* other = image.bytes.data();
    for (Region const& region : regions_) {
        for (std::size_t i = 0; i < region.bytes; i += sizeof(u64)) {
            u64 const first = word_at(other + i, region.bytes - i);
            u64 const second = word_at(region.start + i, region.bytes - i);
            if (first != second)
                out << "  " << region.name << ": " << place(region.fields, i) << ": 0x" << first << " and 0x" << second << "\n";
        }
        other += region.bytes;
    }
    HostMachineState const& machine = world_.machine.state();
    compare(out, "invalidations", image.machine.invalidations, machine.invalidations);
    compare(out, "address spaces loaded", image.machine.loads, machine.loads);
    compare(out, "interrupt lines", image.machine.lines, machine.lines);
    compare(out, "ends of interrupt", image.machine.ends_of_interrupt, machine.ends_of_interrupt);
    compare(out, "texts on the console", image.machine.console, machine.console);
    compare(out, "states of the tick", image.machine.tick_runs, machine.tick_runs);
    compare(out, "FS bases", image.machine.fs_base, machine.fs_base);
    compare(out, "GS bases", image.machine.gs_base, machine.gs_base);
    compare(out, "switches of the FPU", image.machine.fpu_enabled, machine.fpu_enabled);
    if (std::memcmp(image.machine.fpu, machine.fpu, sizeof machine.fpu) != 0) out << "  machine: FPU registers differ\n";
    return out.str();
}

std::string KernelState::written() const {
    for (auto const& [name, start, before] : watched_) {
        auto const at = std::mismatch(before.begin(), before.end(), start).first;
        if (at != before.end()) return name + ", byte " + std::to_string(at - before.begin());
    }
    return "";
}

// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuzz/inventory.hpp"

#include <cstring>

#include "kernel/device/vcpu.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/memory/asid.hpp"

namespace fuzz {

Inventory inventory;

// Slots of the arena, then those of the interrupt table.
u64 Inventory::place_of(Slot const* slot) {
    u64 const offset = arena_offset(slot);
    if (offset < ram_end - ram_start) [[likely]] {
        require(offset % sizeof(Slot) == 0, "a link leads to no slot", offset);
        return offset / sizeof(Slot);
    }
    IrqTable& irqs = world().kernel.irqs;
    u64 const first = reinterpret_cast<u64>(&irqs.notification(0));
    u64 const distance = reinterpret_cast<u64>(&irqs.notification(1)) - first;
    u64 const from_first = reinterpret_cast<u64>(slot) - first;
    require(from_first % distance == 0 && from_first / distance < IrqTable::vectors, "a link leads to no slot", offset);
    return arena_slots + from_first / distance;
}

bool Inventory::has(Slot const* slot) const { return fresh(slot_marks_[place_of(slot)]); }
u32 Inventory::index_of(Slot const* slot) const {
    u32 const mark = slot_marks_[place_of(slot)];
    require(fresh(mark), "a link leads to a slot that nobody holds");
    return mark - mark_base_;
}

u32 Inventory::object_at(u64 physical) const {
    u64 const granule = (physical - ram_start) / 16;
    if (granule >= granules) return Object::none;
    u32 const mark = object_marks_[granule];
    return fresh(mark) && objects[mark - mark_base_].start == physical ? mark - mark_base_ : Object::none;
}

bool Inventory::is_object(void const* object, CapType type) const {
    u64 const offset = arena_offset(object);
    if (offset >= ram_end - ram_start) return false;
    u32 const found = object_at(ram_start + offset);
    return found != Object::none && objects[found].type == type;
}

void Inventory::start_anew() {
    // Two indices count up from the base: of slots and of objects.
    mark_base_ += 4096;
    if (mark_base_ > 0xf0000000) {
        std::memset(slot_marks_, 0, sizeof slot_marks_);
        std::memset(container_marks_, 0, sizeof container_marks_);
        std::memset(object_marks_, 0, sizeof object_marks_);
        mark_base_ = 1;
    }
    objects.clear();
    tcbs.clear();
    endpoints.clear();
    notifications.clear();
    vcpus.clear();
    mapped_frames.clear();
    tables.clear();
    untypeds.clear();
    others.clear();
    containers_.clear();
}

void Inventory::collect() {
    start_anew();
    // A slot in memory that became another object's was empty at the time before: memory is cleared between.
    unsigned const before = slots.size();
    unsigned kept = 0;
    for (unsigned i = 0; i < before; ++i) {
        Slot* const slot = slots[i].slot;
        if (slot->empty()) continue;
        u32& mark = slot_marks_[place_of(slot)];
        mark = mark_base_ + kept;
        slots[kept++].slot = slot;
    }
    slots.truncate(kept);
    IrqTable& irqs = world().kernel.irqs;
    for (unsigned i = 0; i < IrqTable::vectors; ++i) add(irqs.notification(i));
    for (u32 i = 0; i < slots.size(); ++i) look_into(i);
    keep_slots();
}

void Inventory::keep_slots() {
    IrqTable& irqs = world().kernel.irqs;
    std::memcpy(kept_, static_cast<void const*>(&irqs), sizeof irqs);
    u64 at = sizeof irqs, held = 0;
    for (Container const& container : containers_) {
        std::memcpy(kept_ + at, static_cast<void const*>(container.first), container.count * sizeof(Slot));
        at += container.count * sizeof(Slot);
        for (u64 i = 0; i < container.count; ++i) held += !container.first[i].empty();
    }
    for (unsigned i = 0; i < IrqTable::vectors; ++i) held += !irqs.notification(i).empty();
    complete_ = held == slots.size();
}

bool Inventory::is_current() const {
    if (!complete_) return false;
    IrqTable const& irqs = world().kernel.irqs;
    if (std::memcmp(kept_, static_cast<void const*>(&irqs), sizeof irqs) != 0) return false;
    u64 at = sizeof irqs;
    for (Container const& container : containers_) {
        u64 const bytes = container.count * sizeof(Slot);
        if (std::memcmp(kept_ + at, static_cast<void const*>(container.first), bytes) != 0) return false;
        at += bytes;
    }
    return true;
}

void Inventory::add(Slot& slot) {
    if (slot.empty()) {
        require(!slot.previous() && !slot.next() && !slot.original() && !slot.first_badged(), "an empty slot has links");
        return;
    }
    u32& mark = slot_marks_[place_of(&slot)];
    if (fresh(mark)) return;
    mark = mark_base_ + slots.size();
    slots.push({.slot = &slot, .type = {}, .has_extent = false, .start = 0, .end = 0, .object = Object::none});
}

void Inventory::add_container(Slot* first, u64 count, u64 container) {
    require(container < arena_slots, "slots outside the RAM");
    if (fresh(container_marks_[container])) return;
    container_marks_[container] = mark_base_;
    containers_.push({first, count});
    for (u64 i = 0; i < count; ++i) add(first[i]);
}

u32 Inventory::add_object(CapType type, u64 start, u64 bytes, RawCap cap) {
    u32 found = object_at(start);
    if (found != Object::none) {
        Object const& other = objects[found];
        require(other.type == type && other.end == start + bytes, "two kinds of object at one address", start);
        return found;
    }
    found = objects.size();
    u64 const granule = (start - ram_start) / 16;
    require(granule < granules, "an object outside the memory", start);
    require(!fresh(object_marks_[granule]), "two objects at one address", start);
    object_marks_[granule] = mark_base_ + found;
    objects.push({.start = start, .end = start + bytes, .type = type, .cap = cap, .last_visited = nullptr});
    return found;
}

u32 Inventory::add_object_of(CapType type, void const* pointer, unsigned size_bits, RawCap cap) {
    u64 const start = ram_start + arena_offset(pointer);
    require(start < ram_end && PhysAddr{start}.is_aligned(size_bits), "a capability to what is no object", start);
    return add_object(type, start, u64{1} << size_bits, cap);
}

void Inventory::look_into(u32 index) {
    Slot& slot = *slots[index].slot;
    for (Slot* const neighbour : {slot.previous(), slot.next()}) {
        if (!neighbour) continue;
        place_of(neighbour); // a link that leads nowhere is found here
        require(!neighbour->empty(), "a link leads to an empty slot");
        add(*neighbour);
    }
    Cap const cap = slot.cap();
    u32 const known = objects.size();
    u32 object = Object::none;
    auto const of = [&](void const* pointer, unsigned size_bits) {
        object = add_object_of(cap.type(), pointer, size_bits, cap.raw());
        return object == known; // for the first time
    };
    Found& found = slots[index];
    found.type = cap.type();
    switch (cap.type()) {
    case CapType::untyped: {
        auto const untyped = cap.get<UntypedCap>();
        found.has_extent = true;
        found.start = untyped.base.value;
        found.end = found.start + untyped.size();
        found.object = Object::none;
        untypeds.push(index);
        return;
    }
    case CapType::cnode: {
        auto const node = cap.get<CNodeCap>();
        require(node.radix >= 1 && node.radix + node.guard_size <= 64, "a CNode of a strange size");
        of(node.slots, node.radix + Slot::size_bits);
        add_container(node.slots, node.size(), arena_offset(node.slots) / sizeof(Slot));
        break;
    }
    case CapType::zombie: {
        auto const zombie = cap.get<ZombieCap>();
        u64 const bits = zombie.of_tcb ? Tcb::size_bits : zombie.radix + Slot::size_bits;
        u64 const start = arena_offset(zombie.slots) >> bits << bits;
        object = add_object(zombie.of_tcb ? CapType::tcb : CapType::cnode, ram_start + start, u64{1} << bits, cap.raw());
        if (zombie.of_tcb && object == known) tcbs.push(reinterpret_cast<Tcb*>(arena() + start));
        require(zombie.count <= (zombie.of_tcb ? u64{Tcb::slot_count} : u64{1} << zombie.radix), "a zombie with too many slots");
        add_container(zombie.slots, zombie.of_tcb ? u64{Tcb::slot_count} : u64{1} << zombie.radix,
                      arena_offset(zombie.slots) / sizeof(Slot));
        break;
    }
    case CapType::tcb: {
        Tcb* const tcb = cap.get<TcbCap>().object;
        if (of(tcb, Tcb::size_bits)) tcbs.push(tcb);
        add_container(tcb->slots, Tcb::slot_count, arena_offset(tcb->slots) / sizeof(Slot));
        break;
    }
    case CapType::endpoint:
        if (of(cap.get<EndpointCap>().object, Endpoint::size_bits)) endpoints.push(cap.get<EndpointCap>().object);
        break;
    case CapType::notification:
        if (of(cap.get<NotificationCap>().object, Notification::size_bits)) notifications.push(cap.get<NotificationCap>().object);
        break;
    case CapType::vcpu:
        if (of(cap.get<VcpuCap>().object, Vcpu::size_bits)) vcpus.push(cap.get<VcpuCap>().object);
        break;
    case CapType::frame: {
        auto const frame = cap.get<FrameCap>();
        require(frame.base.is_aligned(frame.size_bits()), "a frame that is not aligned", frame.base.value);
        require(frame.device == (frame.base.value >= device_start), "a frame of the wrong kind of memory", frame.base.value);
        found.has_extent = true; // no object: frames may lie in frames
        found.start = frame.base.value;
        found.end = found.start + frame.bytes();
        found.object = Object::none;
        if (frame.mapped_in != MappedIn::nothing) mapped_frames.push(frame);
        return;
    }
    case CapType::page_table:
    case CapType::page_directory:
    case CapType::pdpt:
    case CapType::pml4:
    case CapType::ept_pt:
    case CapType::ept_pd:
    case CapType::ept_pdpt:
    case CapType::ept_pml4:
        if (of(cap.get<PageTableCap>().table, abi::size_bits::page_table)) tables.push(object);
        require(objects[object].cap == cap.raw(), "copies of a table's capability differ", objects[object].start);
        break;
    case CapType::asid_pool:
        of(cap.get<AsidPoolCap>().pool, AsidPool::size_bits);
        others.push(index);
        break;
    case CapType::reply:
    case CapType::irq_handler:
    case CapType::io_port: others.push(index); break;
    case CapType::null:
    case CapType::asid_control:
    case CapType::irq_control:
    case CapType::domain:
    case CapType::io_port_control: break;
    }
    found.object = object;
    found.has_extent = object != Object::none;
    if (found.has_extent) {
        found.start = objects[object].start;
        found.end = objects[object].end;
    }
}

} // namespace fuzz

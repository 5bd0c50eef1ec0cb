// SPDX-License-Identifier: Apache-2.0
#include "kernel/objects.hpp"

#include <new>

#include "kernel/capability/derivation.hpp"
#include "kernel/device/vcpu.hpp"
#include "kernel/ipc/cancel.hpp"
#include "kernel/ipc/endpoint.hpp"
#include "kernel/ipc/notification.hpp"
#include "kernel/kernel.hpp"
#include "kernel/memory/address_space.hpp"
#include "kernel/memory/nested.hpp"

namespace objects {

using abi::ObjectType;

bool known(u64 type) {
    if (type == static_cast<u64>(ObjectType::vcpu)) return machine::guest_support().present;
    bool const nested_table = type >= static_cast<u64>(ObjectType::ept_pml4) && type <= static_cast<u64>(ObjectType::ept_pt);
    return nested_table || type < static_cast<u64>(ObjectType::count);
}

bool is_frame(ObjectType type) {
    return type == ObjectType::small_page || type == ObjectType::large_page ||
           type == ObjectType::huge_page;
}

unsigned size_bits(ObjectType type, u64 user_size_bits) {
    switch (type) {
    case ObjectType::untyped: return static_cast<unsigned>(user_size_bits);
    case ObjectType::tcb: return abi::size_bits::tcb;
    case ObjectType::endpoint: return abi::size_bits::endpoint;
    case ObjectType::notification: return abi::size_bits::notification;
    case ObjectType::cnode: return static_cast<unsigned>(user_size_bits) + abi::size_bits::slot;
    case ObjectType::huge_page: return abi::size_bits::huge_page;
    case ObjectType::large_page: return abi::size_bits::large_page;
    case ObjectType::vcpu: return abi::size_bits::vcpu;
    case ObjectType::small_page:
    case ObjectType::page_table:
    case ObjectType::page_directory:
    case ObjectType::pdpt:
    case ObjectType::pml4:
    case ObjectType::ept_pml4:
    case ObjectType::ept_pdpt:
    case ObjectType::ept_pd:
    case ObjectType::ept_pt:
    case ObjectType::count: break;
    }
    return abi::size_bits::page_table;
}

namespace {

Cap new_frame(PageSize size, PhysAddr base, bool device) {
    return FrameCap{base, size, FrameRights::read_write, device, MappedIn::nothing, {}, 0};
}

template <class Kind> Cap new_table(std::byte* memory) {
    return Kind{reinterpret_cast<PageTable*>(memory), false, {}, 0};
}

Cap new_tcb(std::byte* memory, Tcb const& creator) {
    Tcb* const tcb = new (memory) Tcb;
    tcb->domain = creator.domain;
    constexpr char prefix[] = "child of: '";
    unsigned at = 0;
    for (char const* c = prefix; *c; ++c) tcb->name[at++] = *c;
    for (char const* c = creator.name; *c && at + 2 < Tcb::name_size; ++c) tcb->name[at++] = *c;
    tcb->name[at++] = '\'';
    tcb->name[at] = 0;
    return TcbCap{tcb};
}

} // namespace

Cap create(ObjectType type, PhysAddr base, u64 user_size_bits, bool device, Tcb const& creator) {
    switch (type) {
    case ObjectType::untyped:
        return UntypedCap{base, static_cast<unsigned>(user_size_bits), device, 0};
    case ObjectType::small_page: return new_frame(PageSize::small, base, device);
    case ObjectType::large_page: return new_frame(PageSize::large, base, device);
    case ObjectType::huge_page: return new_frame(PageSize::huge, base, device);
    default: break; // the others live in RAM, seen through the window
    }
    std::byte* const memory = machine::window(base);
    switch (type) {
    case ObjectType::tcb: return new_tcb(memory, creator);
    case ObjectType::endpoint: return EndpointCap{new (memory) Endpoint, 0, CapRights::all()};
    case ObjectType::notification:
        return NotificationCap{new (memory) Notification, 0,
                               CapRights::from_abi(abi::right::read | abi::right::write)};
    case ObjectType::cnode:
        return CNodeCap{reinterpret_cast<Slot*>(memory), static_cast<unsigned>(user_size_bits), 0, 0};
    case ObjectType::pml4:
        machine::add_kernel_part(reinterpret_cast<PageTable*>(memory)->entries);
        return new_table<Pml4Cap>(memory);
    case ObjectType::pdpt: return new_table<PdptCap>(memory);
    case ObjectType::page_directory: return new_table<PageDirectoryCap>(memory);
    case ObjectType::page_table: return new_table<PageTableCap>(memory);
    case ObjectType::vcpu: return VcpuCap{new (memory) Vcpu(base, machine::guest_support())};
    case ObjectType::ept_pml4: return new_table<EptPml4Cap>(memory);
    case ObjectType::ept_pdpt: return new_table<EptPdptCap>(memory);
    case ObjectType::ept_pd: return new_table<EptPdCap>(memory);
    case ObjectType::ept_pt: return new_table<EptPtCap>(memory);
    default: return {};
    }
}

std::expected<Cap, InvocationError> derive(Slot const& slot, Cap const& cap) {
    switch (cap.type()) {
    case CapType::untyped:
        if (DerivationList::first_child(slot)) return refuse(RevokeFirst{});
        return cap;
    case CapType::frame: return Cap{cap.get<FrameCap>().unmapped()};
    case CapType::page_table:
    case CapType::page_directory:
    case CapType::pdpt:
    case CapType::pml4:
    case CapType::ept_pt:
    case CapType::ept_pd:
    case CapType::ept_pdpt:
    case CapType::ept_pml4:
        if (!cap.get<PageTableCap>().mapped) return refuse(IllegalOperation{});
        return cap;
    case CapType::io_port: { // a copy opened no ports yet
        auto ports = cap.get<IoPortCap>();
        ports.vcpu = 0;
        return Cap{ports};
    }
    case CapType::reply:
    case CapType::zombie:
    case CapType::irq_control:
    case CapType::io_port_control: return Cap{};
    case CapType::null:
    case CapType::endpoint:
    case CapType::notification:
    case CapType::cnode:
    case CapType::asid_control:
    case CapType::tcb:
    case CapType::asid_pool:
    case CapType::irq_handler:
    case CapType::domain:
    case CapType::vcpu: break;
    }
    return cap;
}

Cap with_data(Cap const& cap, u64 data, bool preserve) {
    if (auto endpoint = cap.as<EndpointCap>()) {
        if (preserve || endpoint->badge != 0) return {};
        endpoint->badge = data;
        return *endpoint;
    }
    if (auto notification = cap.as<NotificationCap>()) {
        if (preserve || notification->badge != 0) return {};
        notification->badge = data;
        return *notification;
    }
    if (auto cnode = cap.as<CNodeCap>()) {
        auto const size = static_cast<unsigned>(CNodeCap::GuardSize::get(data));
        if (size + cnode->radix > 64) return {};
        cnode->guard_size = size;
        cnode->guard = size ? CNodeCap::GuardValue::get(data) & (~u64{0} >> (64 - size)) : 0;
        return *cnode;
    }
    return cap;
}

Cap with_rights(Cap const& cap, CapRights mask) {
    if (auto endpoint = cap.as<EndpointCap>()) {
        endpoint->rights = endpoint->rights & mask;
        return *endpoint;
    }
    if (auto notification = cap.as<NotificationCap>()) {
        notification->rights = notification->rights & mask;
        return *notification;
    }
    if (auto frame = cap.as<FrameCap>()) {
        frame->rights = mask_frame_rights(frame->rights, mask);
        return *frame;
    }
    return cap;
}

namespace {

ZombieCap retire_tcb(Kernel& kernel, Tcb& tcb) {
    if (tcb.bound_notification) tcb.bound_notification->unbind();
    if (tcb.vcpu) kernel.unbind_vcpu(*tcb.vcpu);
    suspend(kernel, tcb);
    kernel.release_fpu(tcb, false);
    return {tcb.slots, true, 0, Tcb::slot_count};
}

void retire_pool(Kernel& kernel, AsidPoolCap const& cap) {
    if (kernel.asids.pool(cap.index) != cap.pool) return;
    for (unsigned i = 0; i < abi::asids_per_pool; ++i)
        if (cap.pool->roots[i])
            machine::invalidate(Asid{static_cast<u16>(cap.index * abi::asids_per_pool + i)});
    kernel.asids.set_pool(cap.index, nullptr);
    kernel.guest_tags.retire_all(); // it may have held nested roots
    kernel.guest_tags.tables_changed();
    kernel.reload_address_space();
}

void retire_root(Kernel& kernel, Pml4Cap const& cap) {
    if (!cap.mapped || kernel.asids.root(cap.asid) != cap.table) return;
    kernel.asids.release(cap.asid, cap.table);
    machine::invalidate(cap.asid);
    kernel.reload_address_space();
}

} // namespace

std::optional<ZombieCap> retire(Kernel& kernel, Cap const& cap, bool last) {
    if (auto const frame = cap.as<FrameCap>()) { // every frame capability has its own mapping
        if (frame->mapped_in == MappedIn::address_space) unmap_frame(kernel, *frame);
        if (frame->mapped_in == MappedIn::nested) nested::unmap_frame(kernel, *frame);
        return std::nullopt;
    }
    if (auto const ports = cap.as<IoPortCap>()) { // so has every port capability what it opened to a guest
        if (Vcpu* const vcpu = kernel.vcpus.find(ports->vcpu)) vcpu->disable_ports(ports->first, ports->last);
    }
    if (!last) return std::nullopt;
    switch (cap.type()) {
    case CapType::endpoint: cap.get<EndpointCap>().object->cancel_all(kernel); break;
    case CapType::notification: {
        Notification& notification = *cap.get<NotificationCap>().object;
        notification.unbind();
        notification.cancel_all(kernel);
        break;
    }
    case CapType::tcb: return retire_tcb(kernel, *cap.get<TcbCap>().object);
    case CapType::cnode: {
        auto const cnode = cap.get<CNodeCap>();
        return ZombieCap{cnode.slots, false, cnode.radix, cnode.size()};
    }
    case CapType::pml4: retire_root(kernel, cap.get<Pml4Cap>()); break;
    case CapType::pdpt:
    case CapType::page_directory:
    case CapType::page_table: unmap_table(kernel, cap); break;
    case CapType::asid_pool: retire_pool(kernel, cap.get<AsidPoolCap>()); break;
    case CapType::vcpu: {
        Vcpu& vcpu = *cap.get<VcpuCap>().object;
        kernel.unbind_vcpu(vcpu);
        kernel.vcpus.release(vcpu);
        break;
    }
    case CapType::ept_pml4: nested::retire_root(kernel, cap.get<EptPml4Cap>()); break;
    case CapType::ept_pdpt:
    case CapType::ept_pd:
    case CapType::ept_pt: nested::unmap_table(kernel, cap); break;
    case CapType::irq_handler: {
        unsigned const vector = cap.get<IrqHandlerCap>().vector;
        delete_simple(kernel, kernel.irqs.notification(vector));
        kernel.irqs.release(vector);
        break;
    }
    case CapType::io_port: {
        auto const ports = cap.get<IoPortCap>();
        kernel.io_ports.release(ports.first, ports.last);
        break;
    }
    case CapType::null:
    case CapType::frame:
    case CapType::untyped:
    case CapType::reply:
    case CapType::asid_control:
    case CapType::irq_control:
    case CapType::zombie:
    case CapType::domain:
    case CapType::io_port_control: break;
    }
    return std::nullopt;
}

} // namespace objects

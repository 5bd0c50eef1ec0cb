// SPDX-License-Identifier: Apache-2.0
// The part of Builder that turns grants into capabilities and mappings.
#include "service/root/builder.hpp"

using namespace protocol;
using user::Result;

Built<> Builder::give_grants() {
    u32 index = 0;
    for (auto const& grant : world_.archive.grants(*component_.entry)) {
        auto& info = info_.grants[index];
        info.kind = grant.kind;
        std::memcpy(info.name, grant.name, name_size - 1);
        info.first_slot = next_slot_;
        info.first = grant.first;
        info.second = grant.second;
        if (auto const given = give_grant(grant, index, info); !given) {
            BuildError error{{}, given.error(), false};
            error.step.add("cannot give it the grant \"").add(field_text(grant.name)).add('"');
            return fail(error);
        }
        next_slot_ += info.slot_count;
        info_.grant_count = ++index;
    }
    return {};
}

Result<> Builder::give_grant(Grant const& grant, u32 index, GrantInfo& info) {
    switch (grant.kind) {
    case GrantKind::io_ports:
        info.slot_count = 1;
        TRY(user::IoPortControl{abi::initial_slot::io_port_control}.issue(
            static_cast<u16>(grant.first), static_cast<u16>(grant.second), cnode_, next_slot_,
            component_.entry->cnode_radix));
        return {};
    case GrantKind::irq: return give_irq(grant, info);
    case GrantKind::device_memory: return give_device_memory(grant, index, info);
    case GrantKind::file: {
        auto const& file = world_.archive.files()[grant.first];
        info.address = TRY(map_file(file));
        info.second = file.size;
        return {};
    }
    case GrantKind::console: return give_console(index, info);
    case GrantKind::timer: return give_timer(index, info);
    case GrantKind::guest: return give_guest(static_cast<GuestKind>(grant.second), info);
    case GrantKind::serve_console: return {};
    case GrantKind::serve_timer: return give_timer_service(info);
    }
    return {};
}

Result<> Builder::give_irq(Grant const& grant, GrantInfo& info) {
    using LevelTriggered = Bits<0>;
    using ActiveLow = Bits<1>;
    auto& resources = world_.resources;
    // The handler passes through root's own CSpace, where its notification can be set. Its vector
    // is the pin's number.
    user::CPtr const handler = TRY(shop_.reserve());
    auto const place = resources.place(handler);
    TRY(user::IrqControl{abi::initial_slot::irq_control}.issue(
        {.io_apic = 0,
         .pin = grant.first,
         .level_triggered = LevelTriggered::get(grant.second) != 0,
         .active_low = ActiveLow::get(grant.second) != 0,
         .vector = grant.first},
        resources.top(), place.index, place.depth));
    user::CPtr const bell =
        TRY(shop_.copy(component_.events.cptr, abi::right::write, event::first_irq << irqs_++));
    TRY(user::IrqHandler{handler}.set_notification({bell}));
    info.slot_count = 1;
    return cnode_.move(next_slot_, place, component_.entry->cnode_radix);
}

Result<> Builder::give_device_memory(Grant const& grant, u32 index, GrantInfo& info) {
    auto& frames = component_.device_slots[index];
    if (frames == 0) frames = TRY(world_.resources.device_frames(grant.first, grant.second));
    info.address = next_device_address_;
    for (u64 offset = 0; offset < grant.second; offset += 4096) {
        user::Frame const frame{TRY(shop_.copy(frames + offset / 4096))};
        TRY(shop_.map(space_, frame, info.address + offset, device.rights, device.attributes));
        TRY(cnode_.move(next_slot_ + info.slot_count++, world_.resources.place(frame.cptr),
                        component_.entry->cnode_radix));
    }
    next_device_address_ += grant.second + 4096;
    return {};
}

Result<> Builder::give_console(u32 index, GrantInfo& info) {
    auto const& services = world_.services;
    unsigned const client = client_number(services.console_clients(), component_.number, index);
    if (client == max_clients || services.console() == no_component) return {};
    info.address = shared_pages_address + 4096 * shared_pages_++;
    user::Frame const page{TRY(shop_.copy(services.console_clients()[client].frame.cptr))};
    TRY(shop_.map(space_, page, info.address, read_write.rights, read_write.attributes));
    info.slot_count = 1;
    return give(next_slot_, world_.components[services.console()].events.cptr, abi::right::write,
                event::first_client << client);
}

Result<> Builder::give_timer(u32 index, GrantInfo& info) {
    auto const& services = world_.services;
    unsigned const client = client_number(services.timer_clients(), component_.number, index);
    if (client == max_clients || services.timer() == no_component) return {};
    info.slot_count = 1;
    return give(next_slot_, services.timer_endpoint().cptr,
                abi::right::write | abi::right::grant_reply, event::message | client);
}

Result<> Builder::give_timer_service(GrantInfo& info) {
    info.slot_count = 2;
    info.first = Services::sleepers_radix;
    TRY(give(next_slot_, world_.services.timer_endpoint().cptr, abi::right::read));
    return give(next_slot_ + 1, world_.services.sleepers().cptr, abi::right::all,
                user::plain_guard(Services::sleepers_radix));
}

Result<> Builder::give_guest(GuestKind kind, GrantInfo& info) {
    if (kind != GuestKind::deprivileged)
        TRY(give(next_slot_, TRY(shop_.make(abi::ObjectType::vcpu)), abi::right::all));
    user::NestedRoot const root{TRY(shop_.make(abi::ObjectType::ept_pml4))};
    TRY(user::AsidPool{abi::initial_slot::asid_pool}.assign(root));
    TRY(give(next_slot_ + 1, root.cptr, abi::right::all));
    info.slot_count = 2;
    // Copies, not pieces made from them: so the kernel clears the memory when the component uses
    // it, in the component's time.
    for (auto const* piece : shop_.guest_pieces()) {
        info.guest_size_bits[info.slot_count - 2] = static_cast<u8>(piece->size_bits());
        TRY(give(next_slot_ + info.slot_count++, piece->untyped().cptr, abi::right::all));
    }
    info.second = 0;
    if (kind == GuestKind::nested) return {};
    // A pool of its own: a monitor that takes all ASIDs takes them from nobody.
    info.second = next_slot_ + info.slot_count++;
    auto const memory = TRY(shop_.make(abi::ObjectType::untyped, abi::size_bits::asid_pool));
    TRY(user::AsidControl{abi::initial_slot::asid_control}.make_pool(
        memory, cnode_, info.second, component_.entry->cnode_radix));
    return {};
}

Result<> Builder::give_clients() {
    auto const& services = world_.services;
    if (component_.number == services.console()) {
        TRY(give_clients_of(services.console_clients(), event::console));
        for (u32 i = 0; i < services.console_clients().size(); ++i) {
            auto const& client = services.console_clients()[i];
            user::Frame const page{TRY(shop_.copy(client.frame.cptr))};
            info_.clients[i].page = shared_pages_address + 4096 * shared_pages_++;
            TRY(shop_.map(space_, page, info_.clients[i].page, read_write.rights,
                          read_write.attributes));
            constexpr u64 no_name = 2;
            if (client.component == no_component) {
                info_.clients[i].flags = no_name;
            } else {
                auto const& entry = *world_.components[client.component].entry;
                info_.clients[i].flags = world_.archive.grants(entry)[client.grant].second & 1;
            }
        }
    }
    if (component_.number == services.timer())
        TRY(give_clients_of(services.timer_clients(), event::timer));
    return {};
}

Result<> Builder::give_clients_of(Services::Clients const& clients, u64 bell) {
    for (auto const& client : clients) {
        auto& info = info_.clients[info_.client_count++];
        auto const name = client.component == no_component
                              ? std::string_view("root")
                              : world_.components[client.component].name();
        std::memcpy(info.name, name.data(), name.size());
        info.slot = next_slot_++;
        TRY(give(info.slot, world_.services.events_of(client, world_.components).cptr,
                 abi::right::write, bell));
    }
    return {};
}

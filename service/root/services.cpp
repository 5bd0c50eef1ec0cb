// SPDX-License-Identifier: Apache-2.0
#include "service/root/services.hpp"

using protocol::GrantKind;
using user::Result;

namespace {

// An object of root's own memory that stays for ever.
template <class Object> Result<Object> keep(Resources& resources, unsigned size_bits = 0) {
    auto handle = TRY(resources.objects().make<Object>(size_bits));
    Object const object = handle.object();
    handle.release();
    return object;
}

} // namespace

Result<> Services::prepare(Resources& resources, Archive const& archive, Components& components) {
    root_events_ = TRY(keep<user::Notification>(resources));
    TRY(user::Tcb{abi::initial_slot::tcb}.bind(root_events_));
    timer_endpoint_ = TRY(keep<user::Endpoint>(resources));
    sleepers_ = TRY(keep<user::CNode>(resources, sleepers_radix));
    TRY(add_console_client(resources, no_component, 0));
    for (auto& component : components) {
        component.events = TRY(keep<user::Notification>(resources));
        u32 index = 0;
        for (auto const& grant : archive.grants(*component.entry))
            TRY(add_grant(resources, component, index++, grant));
    }
    return {};
}

Result<> Services::add_grant(Resources& resources, Component& component, u32 index,
                             protocol::Grant const& grant) {
    switch (grant.kind) {
    case GrantKind::console: return add_console_client(resources, component.number, index);
    case GrantKind::timer:
        if (!timer_clients_.push({component.number, index, {}, nullptr}))
            return fail(user::Error::out_of(user::Shortage::bookkeeping));
        return {};
    case GrantKind::serve_console: console_ = component.number; return {};
    case GrantKind::serve_timer: timer_ = component.number; return {};
    case GrantKind::io_ports:
    case GrantKind::irq:
    case GrantKind::device_memory:
    case GrantKind::file:
    case GrantKind::guest: return {};
    }
    return {};
}

Result<> Services::add_console_client(Resources& resources, unsigned component, u32 grant) {
    auto const frame = TRY(keep<user::Frame>(resources));
    void* const page = TRY(resources.keep_mapped(frame));
    if (!console_clients_.push({component, grant, frame, new (page) protocol::ConsolePage}))
        return fail(user::Error::out_of(user::Shortage::bookkeeping));
    return {};
}

// SPDX-License-Identifier: Apache-2.0
// Who is a client of the console and of the timer, and what joins them: pages, notifications and
// endpoints of root's own memory, so that a service that is started again serves the same clients
// as before.
#pragma once

#include "protocol/console.hpp"
#include "service/root/component.hpp"

inline constexpr unsigned no_component = ~0u;

struct Client {
    unsigned component;          // no_component: root itself
    u32 grant;                   // index in the component
    user::Frame frame;           // console: its page
    protocol::ConsolePage* page; // the same, as root sees it
};

class Services {
public:
    // Makes everything; the components' events too.
    user::Result<> prepare(Resources& resources, Archive const& archive, Components& components);

    using Clients = FixedVector<Client, protocol::max_clients>;
    Clients const& console_clients() const { return console_clients_; }
    Clients const& timer_clients() const { return timer_clients_; }
    unsigned console() const { return console_; } // number of the component, or no_component
    unsigned timer() const { return timer_; }
    user::Notification root_events() const { return root_events_; }
    user::Endpoint timer_endpoint() const { return timer_endpoint_; }
    user::CNode sleepers() const { return sleepers_; }
    static constexpr unsigned sleepers_radix = 8;

    // The notification of a client of a service.
    user::Notification events_of(Client const& client, Components& components) const {
        return client.component == no_component ? root_events_
                                                : components[client.component].events;
    }

private:
    user::Result<> add_grant(Resources& resources, Component& component, u32 index,
                             protocol::Grant const& grant);
    user::Result<> add_console_client(Resources& resources, unsigned component, u32 grant);

    Clients console_clients_, timer_clients_;
    unsigned console_{no_component}, timer_{no_component};
    user::Notification root_events_{};
    user::Endpoint timer_endpoint_{};
    user::CNode sleepers_{}; // reply capabilities of who sleeps, kept over a restart of the timer
};

// The number of a component's grant among a service's clients; max_clients when it is none.
inline unsigned client_number(Services::Clients const& clients, unsigned component, u32 grant) {
    for (unsigned i = 0; i < clients.size(); ++i)
        if (clients[i].component == component && clients[i].grant == grant) return i;
    return protocol::max_clients;
}

// SPDX-License-Identifier: Apache-2.0
// Makes a component: its address space, capabilities and information pages
// (protocol/component.hpp), and starts it.
#pragma once

#include "service/root/elf.hpp"
#include "service/root/world.hpp"
#include "user/io_port.hpp"
#include "user/irq.hpp"

struct BuildError {
    user::Text<96> step; // "cannot map its program"
    user::Error error;
    bool machine_is_short; // of memory, before anything was made
};
template <class T = void> using Built = std::expected<T, BuildError>;

class Builder {
public:
    Builder(World& world, Component& component)
        : world_(world), component_(component), shop_(component.workshop) {}

    // Memory of the machine that the component takes, bytes.
    u64 memory_needed() const;
    // On an error the workshop is still open: close it.
    Built<> build(ElfImage const& library_os, std::span<std::byte const> library_os_file);

private:
    struct Mapping {
        u64 rights, attributes;
    };
    static Mapping const read_only, read_write, code, device;

    // The steps, in order.
    user::Result<> make_spaces();
    user::Result<> map_own_pages();
    user::Result<> load(ElfImage const& image, std::span<std::byte const> file);
    user::Result<> map_program();
    user::Result<> give_fixed_capabilities();
    Built<> give_grants();
    user::Result<> give_clients();
    user::Result<> give_memory();
    user::Result<> write_info();
    user::Result<> start(u64 entry);

    user::Result<> give_grant(protocol::Grant const& grant, u32 index, protocol::GrantInfo& info);
    user::Result<> give_irq(protocol::Grant const& grant, protocol::GrantInfo& info);
    user::Result<> give_device_memory(protocol::Grant const& grant, u32 index,
                                      protocol::GrantInfo& info);
    user::Result<> give_console(u32 index, protocol::GrantInfo& info);
    user::Result<> give_timer(u32 index, protocol::GrantInfo& info);
    user::Result<> give_timer_service(protocol::GrantInfo& info);
    user::Result<> give_guest(protocol::GuestKind kind, protocol::GrantInfo& info);
    user::Result<> give_clients_of(Services::Clients const& clients, u64 bell);

    user::Result<user::Frame> new_page(u64 address, Mapping mapping);
    user::Result<u64> map_file(protocol::ArchiveFile const& file); // returns the address
    // A copy of one of root's capabilities in a slot of the component. badge: 0 leaves it.
    user::Result<> give(u64 slot, user::CPtr from, u64 rights, u64 badge = 0);
    u64 granted_bytes(protocol::GrantKind kind) const;
    u64 slots_needed(ElfImage const& library_os) const;

    World& world_;
    Component& component_;
    Workshop& shop_;
    user::CNode cnode_{};
    user::VSpace space_{};
    user::Frame thread_page_{};
    FixedVector<user::Frame, protocol::info_pages> info_frames_;
    u64 next_file_address_{protocol::files_address};
    u64 next_device_address_{protocol::devices_address};
    u64 shared_pages_{};
    u64 next_slot_{protocol::slot::first_grant};
    unsigned irqs_{};
    protocol::ComponentInfo& info_ = information_page();
    static protocol::ComponentInfo&
    information_page(); // one for all: it is too large for the stack
};

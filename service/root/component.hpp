// SPDX-License-Identifier: Apache-2.0
// What root knows about a component. What outlives its restarts (notification, console pages,
// device frames) is root's own memory; everything else is in its workshop and goes with it.
#pragma once

#include <new>

#include "protocol/component.hpp"
#include "service/root/restart_policy.hpp"
#include "service/root/text.hpp"
#include "service/root/workshop.hpp"

inline constexpr unsigned max_components = 32;

enum class State : u8 { not_started, running, stopped, failed };

struct Component {
    Component(Resources& resources, protocol::ComponentEntry const& component_entry,
              unsigned component_number)
        : entry(&component_entry), number(component_number),
          workshop(resources, component_number + 1) {}

    std::string_view name() const { return field_text(entry->name); }
    bool is_work() const { return entry->role == protocol::Role::work; }

    protocol::ComponentEntry const* entry;
    unsigned number; // in the archive; the badge of its endpoint to root
    Workshop workshop;
    user::Tcb tcb{}; // while running
    State state{State::not_started};
    user::Notification events{};                     // of root's own memory
    user::CPtr device_slots[protocol::max_grants]{}; // by grant: first of the device frames, in
                                                     // root's slots
    u64 restarts{};
    RestartPolicy policy;
    LogBudget log_budget;
    user::Text<240> log_line; // text that has not ended in a new line yet
};

// Room for components that are made one after the other and stay where they are.
class Components {
public:
    Component& add(Resources& resources, protocol::ComponentEntry const& entry) {
        auto* component =
            new (storage_ + sizeof(Component) * count_) Component(resources, entry, count_);
        ++count_;
        return *component;
    }
    Component* begin() { return std::launder(reinterpret_cast<Component*>(storage_)); }
    Component* end() { return begin() + count_; }
    Component& operator[](unsigned number) { return begin()[number]; }
    unsigned size() const { return count_; }

private:
    alignas(Component) std::byte storage_[sizeof(Component) * max_components];
    unsigned count_{};
};

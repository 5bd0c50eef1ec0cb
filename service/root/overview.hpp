// SPDX-License-Identifier: Apache-2.0
// The table of who gets what, as the manifest says.
#pragma once

#include "service/root/archive.hpp"
#include "service/root/table.hpp"

// Calls print with each line.
template <class Print> void print_overview(Archive const& archive, Print print);

// One grant in a few words: `uart: ports 0x3f8-0x3ff`.
user::Text<96> describe_grant(Archive const& archive, protocol::Grant const& grant);

template <class Print> void print_overview(Archive const& archive, Print print) {
    static Table<6, 256> table; // too large for the stack
    auto const header = table.add_row();
    constexpr char const* titles[] = {"component", "role",    "memory",
                                      "priority",  "restart", "grants"};
    for (std::size_t i = 0; i < 6; ++i) header[i].add(titles[i]);
    for (auto const& component : archive.components()) {
        auto row = table.add_row();
        row[0].add(field_text(component.name));
        row[1].add(component.role == protocol::Role::service ? "service" : "work");
        add_bytes(row[2], component.memory);
        row[3].decimal(component.priority);
        row[4].add(component.restart == protocol::Restart::on_failure ? "on failure" : "never");
        bool first = true;
        for (auto const& grant : archive.grants(component)) {
            if (!first) row = table.add_row();
            first = false;
            row[5].add(view(describe_grant(archive, grant)));
        }
    }
    table.print(print);
}

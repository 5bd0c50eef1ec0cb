// SPDX-License-Identifier: Apache-2.0
#include "service/root/overview.hpp"

using protocol::GrantKind;

Overview::Overview(Archive const& archive) : archive_(archive) {
    each_row([&](Row const& row) { table_.measure(row); });
}

Overview::Row Overview::titles() {
    Row row;
    constexpr char const* names[] = {"component", "role",    "memory",
                                     "priority",  "restart", "grants"};
    for (std::size_t i = 0; i < row.size(); ++i) row[i].add(names[i]);
    return row;
}

Overview::Row Overview::describe(protocol::ComponentEntry const& component) {
    Row row;
    row[0].add(field_text(component.name));
    row[1].add(component.role == protocol::Role::service ? "service" : "work");
    add_bytes(row[2], component.memory);
    row[3].decimal(component.priority);
    row[4].add(component.restart == protocol::Restart::on_failure ? "on failure" : "never");
    return row;
}

user::Text<96> Overview::describe(protocol::Grant const& grant) const {
    user::Text<96> text;
    text.add(field_text(grant.name)).add(": ");
    switch (grant.kind) {
    case GrantKind::io_ports:
        text.add("ports ").hexadecimal(grant.first).add('-').hexadecimal(grant.second);
        break;
    case GrantKind::irq: text.add("interrupt ").decimal(grant.first); break;
    case GrantKind::device_memory:
        add_bytes(text.add("device memory ").hexadecimal(grant.first).add(", "), grant.second);
        break;
    case GrantKind::file: {
        auto const& file = archive_.files()[grant.first];
        text.add("file ").add(field_text(file.name)).add(", ").decimal(file.size).add(" B");
        break;
    }
    case GrantKind::console:
        text.add(grant.second & 1 ? "console with the keyboard" : "console");
        break;
    case GrantKind::timer: text.add("timer"); break;
    case GrantKind::guest: add_bytes(text.add("guest with "), grant.first); break;
    case GrantKind::serve_console: text.add("serves the console"); break;
    case GrantKind::serve_timer: text.add("serves the timer"); break;
    }
    return text;
}

// SPDX-License-Identifier: Apache-2.0
#include "service/root/overview.hpp"

using protocol::GrantKind;

user::Text<96> describe_grant(Archive const& archive, protocol::Grant const& grant) {
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
        auto const& file = archive.files()[grant.first];
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

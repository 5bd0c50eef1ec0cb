// SPDX-License-Identifier: Apache-2.0
// `tessera check`: who would get what.
#include <algorithm>
#include <fmt/format.h>

#include "tool/commands.hpp"
#include "tool/plan.hpp"
#include "tool/size.hpp"

namespace {

std::string describe(PlannedGrant const& grant, ValidManifest const& plan) {
    using protocol::GrantKind;
    switch (grant.kind) {
    case GrantKind::io_ports: return fmt::format("I/O ports {:#x}-{:#x}", grant.first, grant.second);
    case GrantKind::irq:
        return fmt::format("interrupt {} ({}, active {})", grant.first, (grant.second & 1) != 0 ? "level" : "edge",
                           (grant.second & 2) != 0 ? "low" : "high");
    case GrantKind::device_memory: return fmt::format("device memory {:#x}, {}", grant.first, size_text(grant.second));
    case GrantKind::file:
        return fmt::format("file {} ({}, {} bytes, read-only)", grant.name, plan.files()[grant.first].name,
                           plan.files()[grant.first].bytes.size());
    case GrantKind::console: return grant.second != 0 ? "console, with the keyboard at start" : "console";
    case GrantKind::timer: return "timer";
    case GrantKind::guest: return fmt::format("virtual machine with {} of RAM, one virtual CPU", size_text(grant.first));
    case GrantKind::serve_console: return "serves the console";
    case GrantKind::serve_timer: return "serves the timer";
    }
    return "?";
}

} // namespace

Checked<int> check(CheckOptions const& options) {
    auto const manifest = TRY(manifest::Manifest::read(options.system));
    auto const plan = TRY(ValidManifest::check(manifest, options.machine, Tree::of_this_program()));
    auto const& machine = plan.machine();
    fmt::print("{}: system \"{}\" can run on a machine with {} of RAM, --cpu {}\n", options.system.string(), plan.name(),
               size_text(machine.memory), cpu_name(machine.cpu));
    std::size_t name_width = 9, program_width = 7;
    for (auto const& component : plan.components()) {
        name_width = std::max(name_width, component.name.size());
        program_width = std::max(program_width, plan.files()[component.program].name.size());
    }
    auto const row = [&](std::string_view name, std::string_view program, std::string_view memory, auto priority,
                         std::string_view role, std::string_view restart) {
        fmt::print("{:<{}}  {:<{}}  {:>6}  {:>8}  {:<7}  {}\n", name, name_width, program, program_width, memory, priority, role, restart);
    };
    fmt::print("\n");
    row("component", "program", "memory", "priority", "role", "restart");
    for (auto const& component : plan.components()) {
        row(component.name, plan.files()[component.program].name, size_text(component.memory), component.priority,
            component.role == protocol::Role::service ? "service" : "work",
            component.restart == protocol::Restart::on_failure ? "on-failure" : "never");
        for (auto const& grant : component.grants) fmt::print("    {}\n", describe(grant, plan));
    }
    return 0;
}

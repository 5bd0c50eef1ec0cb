// SPDX-License-Identifier: Apache-2.0
#include "tool/guest_run.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tool/console.hpp"
#include "tool/plan.hpp"

Checked<GuestTalk> talk(std::vector<std::string> const& command, std::vector<ScriptStep> steps, std::string const& who, double seconds) {
    ScriptedConsole console(command, std::move(steps), seconds);
    GuestTalk result;
    auto const outcome = console.talk([&](std::string const&, double time) { result.times.push_back(time); });
    result.console = console.text();
    if (outcome.empty()) return result;
    return fail(Problem({who, 0, ""}, {outcome, "see what happens with ./tessera run"}));
}

std::vector<std::string> plain_command(manifest::Vm const& vm, Tree const& tree, bool instruction_count) {
    std::vector<std::string> command = {
        "qemu-system-x86_64", "-machine", "microvm,acpi=off", "-accel", "tcg", "-cpu", "qemu64", "-m",
        fmt::format("{}M", vm.memory.value >> 20), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-serial", "stdio", "-kernel", guest_file(vm.kernel, tree).string(), "-append", vm.command_line.value};
    if (vm.initramfs) command.insert(command.end(), {"-initrd", guest_file(*vm.initramfs, tree).string()});
    if (instruction_count) command.insert(command.end(), {"-icount", "shift=0,sleep=off"});
    return command;
}

std::vector<GuestReport> guest_reports(std::string_view console, std::string_view vm) {
    auto const start = fmt::format("{}: {{", vm);
    std::vector<GuestReport> reports;
    while (!console.empty()) {
        auto line = console.substr(0, console.find('\n'));
        console.remove_prefix(std::min(console.size(), line.size() + 1));
        auto const at = line.find(start);
        if (at == std::string_view::npos) continue;
        auto const object = nlohmann::json::parse(line.substr(at + start.size() - 1), nullptr, false);
        if (!object.is_object() || !object.contains("seconds") || !object.contains("exits")) continue;
        GuestReport report;
        for (auto const& [name, value] : object.items()) {
            if (name == "seconds") report.seconds = value.get<double>();
            else if (name == "mark" && value.is_number()) report.mark = value.get<u32>();
            else if (name == "exits") report.exits = value.get<std::map<std::string, double>>();
            else if (value.is_number()) report.figures[name] = value.get<double>();
        }
        reports.push_back(std::move(report));
    }
    return reports;
}

// SPDX-License-Identifier: Apache-2.0
#include "tool/guest_run.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tool/boot_image.hpp"
#include "tool/console.hpp"
#include "tool/memory_file.hpp"
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

Checked<manifest::Manifest> manifest_of(MeasuredGuest const& guest) {
    auto const tree = Tree::of_this_program();
    bool const wide = guest.bits == 64;
    std::string text = fmt::format("[system]\nname = \"measured\"\ninclude = [\"../../system/services.toml\"]\n\n[[vm]]\nname = \"{}\"\n"
                                   "kernel = \"{}\"\nmemory = \"256M\"\nreport_json = true\n",
                                   measured_vm, wide ? "debian-cloud" : "debian-686");
    std::string line = fmt::format("console=ttyS0 {} pci=off 8250.nr_uarts=1", guest.reports_lines ? "earlyprintk=ttyS0 loglevel=7" : "quiet loglevel=3");
    if (guest.measurements.empty()) {
        text += fmt::format("initramfs = \"{}\"\nreport_at = \"{}\"\n", wide ? "busybox" : "busybox-i386", guest.reports_lines ? "] " : "tessera-guest-ready");
    } else {
        text += fmt::format("initramfs = \"{}\"\nreport_at = \"bench ready\"\n",
                            (tree.build / fmt::format("bench/engines/bench-guest{}.initramfs", guest.bits)).string());
        line += " rdinit=/init -- " + guest.measurements;
    }
    text += fmt::format("command_line = \"{}\"\n", line);
    if (guest.engine.starts_with("shadow-")) text += fmt::format("engine = \"shadow\"\nshadow = \"{}\"\n", guest.engine.substr(7));
    else if (guest.engine != "plain") text += fmt::format("engine = \"{}\"\n", guest.engine);
    return manifest::Manifest::parse(text, tree.source / "bench/engines/measured.toml");
}

Checked<GuestTalk> talk(MeasuredGuest const& guest, std::vector<ScriptStep> steps, double seconds) {
    auto const manifest = TRY(manifest_of(guest));
    auto const who = fmt::format("the {}-bit guest under {}", guest.bits, guest.engine);
    if (guest.engine == "plain")
        return talk(plain_command(manifest.vms.at(0), Tree::of_this_program(), guest.instruction_count), std::move(steps), who, seconds);
    MachineOptions const options{.cpu = guest.engine == "trap" || guest.engine == "translate" ? CpuModel::plain : CpuModel::amd, .memory = {}, .debug_calls = DebugCalls::root_task,
                                 .instruction_count = guest.instruction_count, .debugger = false};
    auto const image = TRY(image_of_system(manifest, options));
    MemoryFile const module(image.module);
    return talk(qemu_command(image.machine, image.kernel, module.path(), ConsoleTo::pipes), std::move(steps), who, seconds);
}

std::map<std::string, double> ticks_by_measurement(std::string_view console) {
    std::map<std::string, double> result;
    std::istringstream lines{std::string(console)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string keyword, name;
        double operations{}, nanoseconds{}, ticks{};
        if (words >> keyword >> name >> operations >> nanoseconds >> ticks && keyword == "bench" && operations > 0) result[name] = ticks / operations;
    }
    return result;
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

// SPDX-License-Identifier: Apache-2.0
// `tessera bench boot`: the guest of bench/boot.toml from its start to the marker of its init, on Tessera and, with the same
// kernel, initramfs and command line, on plain QEMU without nesting. Both by turns, so that a busy host is fair to both.
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fstream>

#include "tool/bench.hpp"
#include "tool/boot_image.hpp"
#include "tool/console.hpp"
#include "tool/manifest.hpp"
#include "tool/memory_file.hpp"
#include "tool/tree.hpp"

namespace fs = std::filesystem;

namespace {

constexpr char const* marker = "tessera-guest-ready";
constexpr double time_limit = 300;
constexpr double mebibyte = 1 << 20;

ScriptStep expect(std::string text) { return {ScriptStep::Kind::expect, std::move(text)}; }

// Seconds at which each expected text was seen, and the console.
struct Talk {
    std::vector<double> times;
    std::string console;
};

Checked<Talk> talk(std::vector<std::string> const& command, std::vector<ScriptStep> steps, std::string const& who) {
    ScriptedConsole console(command, std::move(steps), time_limit);
    Talk result;
    auto const outcome = console.talk([&](std::string const&, double seconds) { result.times.push_back(seconds); });
    result.console = console.text();
    if (outcome.empty()) return result;
    return fail(Problem({who, 0, ""}, {outcome, "see what happens with ./tessera run"}));
}

// The machine on which plain QEMU boots this guest fastest: hardly any firmware, no devices to look for.
std::vector<std::string> plain_command(manifest::Vm const& vm, Tree const& tree) {
    return {"qemu-system-x86_64", "-machine", "microvm,acpi=off", "-accel", "tcg", "-cpu", "qemu64", "-m",
            fmt::format("{}M", vm.memory.value >> 20), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-serial", "stdio", "-kernel", (tree.guest / "vmlinuz").string(), "-initrd", (tree.guest / "initramfs").string(),
            "-append", vm.command_line.value};
}

bool is_kernel_source(fs::path const& path) {
    auto const name = path.filename().string();
    auto const extension = path.extension();
    bool const code = extension == ".cpp" || extension == ".hpp" || extension == ".S" || extension == ".h";
    auto const in = [whole = path.string()](char const* folder) { return whole.find(folder) != std::string::npos; };
    bool const host_only = name.ends_with("_test.cpp") || name.starts_with("fake_") || in("/machine/host/") || in("/kernel/testing/") || in("/kernel/fuzz/");
    return code && !host_only;
}

// Lines with code in them: not empty, not comment alone.
double kernel_lines(fs::path const& folder) {
    double lines = 0;
    for (auto const& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file() || !is_kernel_source(entry.path())) continue;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
            auto const first = line.find_first_not_of(" \t");
            if (first != std::string::npos && line.compare(first, 2, "//") != 0) ++lines;
        }
    }
    return lines;
}

// From the front of a text: a number, or empty; whether it begins with these words.
std::optional<double> take_number(std::string_view& text) {
    double number{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}
bool take_text(std::string_view& text, std::string_view words) {
    if (!text.starts_with(words)) return false;
    text.remove_prefix(words.size());
    return true;
}

} // namespace

std::optional<MonitorReport> parse_report(std::string_view console, std::string_view vm) {
    auto const start = fmt::format("{}: ", vm);
    while (!console.empty()) {
        auto line = console.substr(0, console.find('\n'));
        console.remove_prefix(std::min(console.size(), line.size() + 1));
        if (!line.starts_with(start)) continue;
        line.remove_prefix(start.size());
        auto const seconds = take_number(line);
        if (!seconds || !take_text(line, " s: ")) continue;
        auto const exits = take_number(line);
        if (!exits || !take_text(line, " exits: ")) continue;
        MonitorReport report{.seconds = *seconds, .exits = *exits, .by_kind = {}};
        while (!line.empty()) { // "interrupt windows 400, ports 700"
            auto entry = line.substr(0, line.find(", "));
            line.remove_prefix(std::min(line.size(), entry.size() + 2));
            auto const space = entry.rfind(' ');
            if (space == std::string_view::npos) return {};
            auto number = entry.substr(space + 1);
            auto const count = take_number(number);
            if (!count) return {};
            report.by_kind.emplace_back(entry.substr(0, space), *count);
        }
        return report;
    }
    return {};
}

Checked<std::vector<BenchRow>> bench_boot(unsigned runs) {
    auto const tree = Tree::of_this_program();
    auto const system = tree.source / "bench/boot.toml";
    auto const manifest = TRY(manifest::Manifest::read(system));
    auto const& vm = manifest.vms.at(0);
    auto const& name = vm.name.value;
    auto const image = TRY(image_of_system(system, {}));
    MemoryFile const module(image.module);
    auto const ours = qemu_command(image.machine, image.kernel, module.path(), ConsoleTo::pipes);

    std::vector<double> tessera, whole, plain;
    MonitorReport report;
    for (unsigned run = 1; run <= runs; ++run) {
        auto const nested = TRY(talk(ours, {expect(marker), expect(" exits: "), expect("\n")}, "Tessera"));
        auto const found = parse_report(nested.console, name);
        if (!found) return fail(Problem({"Tessera", 0, ""}, {"the monitor did not report its exits", "see what happens with ./tessera run bench/boot.toml"}));
        report = *found;
        tessera.push_back(report.seconds);
        whole.push_back(nested.times[0]);
        auto const peer = TRY(talk(plain_command(vm, tree), {expect(marker)}, "plain QEMU"));
        plain.push_back(peer.times[0]);
        fmt::print(stderr, "run {} of {}: Tessera {:.2f} s, plain QEMU {:.2f} s\n", run, runs, tessera.back(), plain.back());
    }

    char const* const peer = "plain QEMU TCG, microvm";
    std::vector<BenchRow> rows = {{"boot.guest_start_to_marker", median(tessera), "s", peer, median(plain)},
                                  {"boot.power_on_to_marker", median(whole), "s", peer, median(plain)}};
    rows.push_back({"boot.exits", report.exits, "exits", "", 0});
    for (auto const& [kind, count] : report.by_kind) rows.push_back({"boot.exits." + kind, count, "exits", "", 0});
    rows.push_back({"boot.monitor_memory", static_cast<double>(vm.monitor_memory.value) / mebibyte, "MiB", "", 0});
    rows.push_back({"boot.kernel_image", static_cast<double>(fs::file_size(tree.kernel())) / 1024, "KiB", "", 0});
    rows.push_back({"boot.kernel_code", kernel_lines(tree.source / "kernel"), "lines", "", 0});
    return rows;
}
